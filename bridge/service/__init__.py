"""The bridge as a service of its machine: the unit that runs it, its versions, and the way from one to another."""
