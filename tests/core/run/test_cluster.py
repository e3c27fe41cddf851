"""Reading what a server says about itself."""

from __future__ import annotations

import os

import pytest

from core.run.cluster import PidFile, forget_stale_server, live_server

_READY = "4711\n/data\n1795250881\n5433\n\n127.0.0.1\n  123  0\nready   \n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_READY, PidFile(4711, 5433, True)),
        (_READY.replace("ready", "stopping"), PidFile(4711, 5433, False)),
        ("4711\n/data\n1795250881\n", PidFile(4711, None, False)),
        ("", None),
        ("garbage\n", None),
    ],
)
def test_a_pid_file_is_read_at_every_stage(text, expected):
    assert PidFile.parse(text) == expected


def test_a_stranger_with_the_old_number_is_no_server(tmp_path):
    (tmp_path / "postmaster.pid").write_text(_READY.replace("4711", str(os.getpid())))
    assert live_server(tmp_path) is None
    forget_stale_server(tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()
