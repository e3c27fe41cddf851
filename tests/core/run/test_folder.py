"""The run folder: where it is, what it refuses, who owns it."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.errors import InputError, TerminalError
from core.run.folder import RunFolder
from core.run.ports import free_port, is_free
from core.settings import LakeSettings, PostgresSettings, Settings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_argument_wins_over_the_setting_and_the_setting_over_the_default(reachable, monkeypatch):
    settings = Settings(run=reachable / "set")
    assert RunFolder.open(reachable / "given", settings).path == reachable / "given"
    assert RunFolder.open(None, settings).path == reachable / "set"
    monkeypatch.chdir(reachable)
    assert RunFolder.open(None, Settings(run=None)).path == reachable / ".goldlayer"


def test_secrets_are_made_once_private_and_the_same_for_all_who_ask_at_once(reachable):
    run = RunFolder.open(reachable / "run", Settings())
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(run.secret("pg_app"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert len(answers[0]) >= 40
    assert mode(run.secrets) == 0o700
    assert mode(run.secrets / "pg_app") == 0o600
    assert [file.name for file in run.secrets.iterdir()] == ["pg_app"]


def test_a_written_secret_is_private_and_found_again(reachable):
    run = RunFolder.open(reachable / "run", Settings())
    file = run.write_secret("bridges/north.key", "one")
    assert run.write_secret("bridges/north.key", "two") == file
    assert (run.secret("bridges/north.key"), mode(file), mode(file.parent)) == ("two", 0o600, 0o700)


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/b/c", "", ".hidden", "a/../b"])
def test_a_secret_never_leaves_its_folder(reachable, name):
    run = RunFolder.open(reachable / "run", Settings())
    with pytest.raises(InputError):
        run.secret(name)


def test_a_port_is_remembered_and_given_up_to_a_stranger_only(reachable):
    run = RunFolder.open(reachable / "run", Settings())
    port = run.port("gateway")
    assert run.port("gateway") == port
    assert RunFolder.open(reachable / "run", Settings()).state().ports == {"gateway": port}
    with socket.create_server(("127.0.0.1", port)):
        other = run.port("gateway")
        assert other != port
    run.mark("gateway", os.getpid())
    with socket.create_server(("127.0.0.1", other)):
        assert run.port("gateway") == other


def test_a_free_port_is_free_and_not_promised_to_another():
    port = free_port()
    assert is_free(port)
    assert free_port({port}) != port


def test_a_mark_tells_a_process_from_a_stranger_with_its_number(reachable):
    run = RunFolder.open(reachable / "run", Settings())
    run.mark("sink", os.getpid())
    mark = run.state().processes["sink"]
    assert mark.alive()
    assert not type(mark)(mark.pid, mark.started - 100).alive()
    run.mark("sink", None)
    assert run.state().processes == {}


def test_a_spoilt_state_file_is_named(reachable):
    run = RunFolder.open(reachable / "run", Settings())
    (run.path / "run.json").write_text(json.dumps({"ports": {"a": "x"}, "processes": {}}))
    with pytest.raises(InputError, match=r"run\.json"):
        run.state()


def test_the_second_owner_is_told_who_the_first_one_is(reachable):
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from core.run.folder import RunFolder\nfrom core.settings import Settings\n"
        f"with RunFolder.open(Path({str(reachable / 'run')!r}), Settings()).own():\n"
        "    print('mine', flush=True)\n    sys.stdin.read()\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "mine\n"
        run = RunFolder.open(reachable / "run", Settings())
        with pytest.raises(InputError, match=f"pid {owner.pid}"), run.own():
            pass
    finally:
        owner.kill()
        owner.communicate()
    with run.own():
        assert (run.path / "owner.lock").read_text().strip() == str(os.getpid())


def test_a_file_in_the_way_is_refused(reachable):
    (reachable / "run").write_text("")
    with pytest.raises(InputError, match="cannot be used"):
        RunFolder.open(reachable / "run", Settings())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_root_is_told_which_folder_is_closed_and_nothing_is_created(reachable):
    closed = reachable / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(InputError, match=f"{closed} with mode 700"):
        RunFolder.open(closed / "deep" / "run", Settings())
    assert list(closed.iterdir()) == []
    # A server elsewhere needs no account of its own here.
    elsewhere = Settings(postgres=PostgresSettings.model_validate({"url": "postgresql://u:p@db/x"}))
    assert RunFolder.open(closed / "run", elsewhere).path == closed / "run"


def test_a_read_only_run_folder_is_refused_in_one_line(reachable):
    run = reachable / "run"
    RunFolder.open(run, Settings())
    answer, write = os.pipe()
    child = os.fork()
    if child == 0:
        # Mode bits do not stop root, so an ordinary user tries.
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            else:
                run.chmod(0o500)
            RunFolder.open(run, Settings())
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    run.chmod(0o711)
    with os.fdopen(answer) as text:
        said = text.read()
    assert said.startswith("InputError: ") and "the run folder cannot be used" in said
    assert len(said.splitlines()) == 1


def test_the_lake_lies_in_the_run_folder_or_where_the_setting_says(reachable):
    run = RunFolder.open(reachable / "run", Settings())
    assert run.lake_root(Settings()) == str(reachable / "run" / "lake")
    assert run.lake_root(Settings(lake=LakeSettings(root="s3://bucket/lake"))) == "s3://bucket/lake"
    assert run.lake_root(Settings(lake=LakeSettings(root="/srv/lake"))) == "/srv/lake"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.write_bytes(b""), "received 'nothing'"),
        (lambda file: file.write_bytes(b" \n"), "received 'nothing'"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "what is no text"),
        (lambda file: (file.unlink(), file.mkdir(mode=0o700)), "Is a directory"),
        (lambda file: file.chmod(0o644), "chmod 600"),
    ],
    ids=["empty", "blank", "no text", "folder", "open to everybody"],
)
def test_a_spoilt_secret_is_refused_by_name_and_never_made_up_anew(reachable, spoil, words):
    run = RunFolder.open(reachable / "run", Settings())
    run.secret("audit_key")
    spoil(run.secrets / "audit_key")

    with pytest.raises(TerminalError) as refused:
        run.secret("audit_key")

    assert str(run.secrets / "audit_key") in str(refused.value) and words in str(refused.value)
    assert refused.value.exit_code == 1
