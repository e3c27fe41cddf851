"""The HTTP face of the agent service."""
