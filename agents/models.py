"""The model registry: providers and models as data, and the choice among them.

Context windows and prices (US dollars per million tokens) are what the providers publish for these models; any other
model id may be set, then its price is unknown and its context is taken to be the provider's smallest here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.providers.face import Provider
from core.errors import InputError
from core.settings import AgentSettings

if TYPE_CHECKING:
    from core.embedding import Embedder


@dataclass(frozen=True, slots=True)
class Model:
    """One model."""

    provider: str
    id: str
    context_window: int
    max_output_tokens: int
    capabilities: frozenset[str]
    input_price: float | None = None
    output_price: float | None = None


_CHAT = frozenset({"tool_calling", "streaming", "vision"})
MODELS: tuple[Model, ...] = (
    Model("offline", "offline-analyst", 200_000, 4_096, frozenset({"tool_calling", "streaming"}), 0.0, 0.0),
    Model("anthropic", "claude-sonnet-4-6", 200_000, 8_192, _CHAT | {"thinking"}, 3.0, 15.0),
    Model("anthropic", "claude-opus-4-6", 200_000, 8_192, _CHAT | {"thinking"}, 5.0, 25.0),
    Model("anthropic", "claude-haiku-4-5", 200_000, 8_192, _CHAT | {"thinking"}, 1.0, 5.0),
    Model("openai", "gpt-4.1", 1_047_576, 8_192, _CHAT, 2.0, 8.0),
    Model("openai", "gpt-4.1-mini", 1_047_576, 8_192, _CHAT, 0.4, 1.6),
    Model("openai", "gpt-4o", 128_000, 8_192, _CHAT, 2.5, 10.0),
)
PROVIDERS = ("offline", "anthropic", "openai")
"""A provider's first model in the registry is its default."""


def find_model(provider: str, model_id: str | None) -> Model:
    """A model of a provider, its default if none is named.

    Raises:
        InputError: no such provider.
    """
    own = [model for model in MODELS if model.provider == provider]
    if not own:
        raise InputError(
            "unknown model provider",
            expected=", ".join(PROVIDERS),
            received=provider,
            where="GOLDLAYER_AGENTS__PROVIDER",
        )
    if model_id is None:
        return own[0]
    known = {model.id: model for model in own}
    smallest = min(own, key=lambda model: model.context_window)
    return known.get(model_id) or Model(provider, model_id, smallest.context_window, 4_096, frozenset({"tool_calling"}))


def chain(settings: AgentSettings) -> list[Model]:
    """Models to try, in order: the one asked for, then one per key present; the offline analyst always comes last.

    Who asks for the offline analyst gets nothing else: then no question leaves the house.

    Raises:
        InputError: the provider asked for is unknown or has no key.
    """
    keys = {
        "anthropic": settings.anthropic_api_key is not None,
        "openai": settings.openai_api_key is not None,
        "offline": True,
    }
    if settings.provider is not None:
        first = find_model(settings.provider, settings.model)
        if not keys[settings.provider]:
            raise InputError(
                f"provider {settings.provider} has no key",
                where="GOLDLAYER_AGENTS__PROVIDER",
                next_step=f"set {settings.provider.upper()}_API_KEY, or the provider to offline",
            )
        names = [settings.provider]
    else:
        names = [name for name in ("anthropic", "openai") if keys[name]] or ["offline"]
        first = find_model(names[0], settings.model)
    if first.provider == "offline":
        return [first]
    rest = [find_model(name, None) for name in ("anthropic", "openai", "offline") if keys[name] and name != names[0]]
    return [first, *rest]


def open_provider(model: Model, settings: AgentSettings, embed: Embedder) -> Provider:
    """The provider of a model; its SDK is imported now, not before."""
    if model.provider == "anthropic":
        from agents.providers.anthropic import AnthropicProvider

        key = settings.anthropic_api_key
        return AnthropicProvider(model.id, key.get_secret_value() if key else "", settings.anthropic_base_url)
    if model.provider == "openai":
        from agents.providers.openai import OpenAiProvider

        key = settings.openai_api_key
        return OpenAiProvider(model.id, key.get_secret_value() if key else "", settings.openai_base_url)
    from agents.providers.offline import OfflineAnalyst

    return OfflineAnalyst(embed)
