"""Doors for those who administer a tenant's people, roles and keys."""
