"""The life of a module's declared tables in one tenant's database: made, changed, cut, kept aside, brought back."""
