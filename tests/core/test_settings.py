import os

import pytest

from core.errors import InputError
from core.settings import Settings, as_environment, load_settings


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in os.environ if name.startswith("GOLDLAYER_") or name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)


def test_a_variable_sets_its_field(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GOLDLAYER_SINK__COMMIT_ROWS", "500")
    assert load_settings().sink.commit_rows == 500


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("GOLDLAYER_SINKS__COMMIT_ROWS", "500", "GOLDLAYER_SINK"),
        ("GOLDLAYER_LOGLEVEL", "debug", "GOLDLAYER_LOG_LEVEL"),
        ("GOLDLAYER_SINK__COMIT_ROWS", "500", "GOLDLAYER_SINK__COMIT_ROWS"),
        ("GOLDLAYER_SINK__COMMIT_ROWS", "many", "GOLDLAYER_SINK__COMMIT_ROWS"),
    ],
)
def test_a_wrong_variable_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str):
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=says) as caught:
        load_settings()
    assert caught.value.next_step == "correct or unset the variable"


def test_another_process_loads_the_same_settings(monkeypatch: pytest.MonkeyPatch):
    given = Settings.model_validate({"sink": {"commit_rows": 7}, "agents": {"openai_api_key": "sk-secret"}})
    for name, value in as_environment(given).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == given
