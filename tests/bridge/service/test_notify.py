from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bridge.service.notify import tell_ready


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_is_told_once_it_runs(tmp_path: Path, monkeypatch, abstract: bool) -> None:
    name = f"goldlayer-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}" if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else name)
        tell_ready()
        assert manager.recv(100) == b"READY=1"


def test_where_nobody_listens_the_bridge_runs_all_the_same(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    tell_ready()
    assert "".join(capsys.readouterr()) == ""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    tell_ready()
    assert "does not listen" in "".join(capsys.readouterr())
