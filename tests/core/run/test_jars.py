"""Jars come from Maven once; what is missing is named, where they come from is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.run.jars import JarsUnavailableError, jars

_ARTIFACTS = ("org.example:thing_2.13:1.0.0",)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of programs that come before all others on this machine, and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def _program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_machine_without_maven_is_told_so(programs, monkeypatch):
    _program(programs, "java", "exit 0")
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(JarsUnavailableError, match="`mvn` is not on this machine"):
        jars("thing-1.0.0", _ARTIFACTS)


def test_a_registry_that_does_not_answer_is_not_named(programs):
    _program(programs, "java", "exit 0")
    _program(programs, "mvn", "echo '[ERROR] Could not transfer thing from/to it (https://inside.example/m2)'; exit 1")
    with pytest.raises(JarsUnavailableError, match="Could not transfer thing") as refused:
        jars("thing-1.0.0", _ARTIFACTS)
    assert "inside.example" not in str(refused.value)
    assert list((Path.home() / ".cache" / "goldlayer").iterdir()) == []


def test_what_was_fetched_is_kept(programs):
    _program(programs, "java", "exit 0")
    _program(
        programs,
        "mvn",
        'for word in "$@"; do case $word in -DoutputDirectory=*) out=${word#*=};; *.xml) pom=$word;; esac; done\n'
        'mkdir "$out" && cp "$pom" "$out/thing.jar"',
    )
    folder = jars("thing-1.0.0", _ARTIFACTS)
    assert "<artifactId>thing_2.13</artifactId><version>1.0.0</version>" in (folder / "thing.jar").read_text()
    _program(programs, "mvn", "exit 1")
    assert jars("thing-1.0.0", _ARTIFACTS) == folder
