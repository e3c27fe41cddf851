"""The role templates every tenant starts with; they are starting points, a tenant's admin may change them."""

from __future__ import annotations

ADMIN_ROLE = "admin"
"""Gets every module's every permission; one without default roles goes to it alone."""

ROLE_TEMPLATES = {
    ADMIN_ROLE: "Administrator",
    "manager": "Manager",
    "operator": "Operator",
    "viewer": "Viewer",
}
"""Code and name."""

PLATFORM_PERMISSIONS = (
    "PLATFORM.MANAGE_PEOPLE",
    "PLATFORM.MANAGE_ROLES",
    "PLATFORM.MANAGE_KEYS",
    "PLATFORM.MANAGE_MODULES",
    "PLATFORM.MANAGE_SETTINGS",
    "PLATFORM.MANAGE_BRIDGES",
    "PLATFORM.READ_AUDIT",
)
"""What only the administrator's template may do from the first day."""
