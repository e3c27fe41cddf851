"""Secrets that others gave us, encrypted where they lie.

`file` and `secret` install on an edge box; `vault` keeps tenants' secrets in the platform database.
"""

from core.vault.file import FileVault
from core.vault.secret import Secret

__all__ = ["FileVault", "Secret"]
