"""A tenant as a folder: out of an installation, into another, or out of the world."""

from core.tenancy.moving.holding import Content, Contents, Holding, Holdings
from core.tenancy.moving.manifest import Manifest

__all__ = ["Content", "Contents", "Holding", "Holdings", "Manifest"]
