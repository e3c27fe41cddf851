"""Which models are tried, by what is set."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from agents.models import MODELS, PROVIDERS, chain
from core.errors import InputError
from core.settings import AgentSettings

KEY = SecretStr("k")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["offline"]),
        ({"anthropic_api_key": KEY}, ["anthropic", "offline"]),
        ({"anthropic_api_key": KEY, "openai_api_key": KEY}, ["anthropic", "openai", "offline"]),
        ({"provider": "openai", "anthropic_api_key": KEY, "openai_api_key": KEY}, ["openai", "anthropic", "offline"]),
        ({"provider": "offline", "anthropic_api_key": KEY}, ["offline"]),
    ],
)
def test_the_chain_follows_the_keys(settings: dict[str, Any], expected: list[str]) -> None:
    assert [model.provider for model in chain(AgentSettings(**settings))] == expected


def test_any_model_id_may_be_set() -> None:
    first = chain(AgentSettings(provider="openai", openai_api_key=KEY, model="local-model"))[0]
    assert (first.id, first.input_price) == ("local-model", None)


@pytest.mark.parametrize("settings", [{"provider": "anthropic"}, {"provider": "crystal-ball"}])
def test_what_cannot_work_is_said_at_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        chain(AgentSettings(**settings))


def test_the_registry_has_a_default_for_every_provider() -> None:
    assert {model.provider for model in MODELS} == set(PROVIDERS)
