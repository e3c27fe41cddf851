"""Settings of modules: the platform's defaults and locks, each tenant's choices, secrets in the vault."""

from core.module_settings.resolve import Effective
from core.module_settings.settings import ModuleSettings, secret_name

__all__ = ["Effective", "ModuleSettings", "secret_name"]
