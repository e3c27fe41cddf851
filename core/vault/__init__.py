"""Secrets that others gave us, encrypted where they lie; the file part installs on an edge box."""

from core.vault.file import FileVault

__all__ = ["FileVault"]
