"""What a bridge is told is checked before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config import check_gateway, read_key
from core.errors import InputError


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9", "ws://localhost:9/x", "ws://[::1]:9", "wss://gate.example"])
def test_a_gateway_the_key_may_be_sent_to(url: str) -> None:
    check_gateway(url)


@pytest.mark.parametrize("url", ["ws://10.0.0.1:9", "ws://gate.example", "http://127.0.0.1", "wss://", ""])
def test_a_gateway_it_may_not(url: str) -> None:
    with pytest.raises(InputError):
        check_gateway(url)


def test_a_key_never_shows(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret-text\n")
    (tmp_path / "none").write_text(" \n")
    key = read_key(tmp_path / "key")
    assert key.get_secret_value() == "secret-text"
    assert "secret-text" not in repr(key)
    for name in ("none", "missing"):
        with pytest.raises(InputError):
            read_key(tmp_path / name)
