"""The catalogue of modules, and which tenant has which."""

from core.subscriptions.registry import ModuleRegistry
from core.subscriptions.subscriptions import HistoryLine, Subscription, Subscriptions

__all__ = ["HistoryLine", "ModuleRegistry", "Subscription", "Subscriptions"]
