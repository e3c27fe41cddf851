"""`platform audit` on a real installation."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from core.audit import Actor
from core.db import Database
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("audit")]
_ACTOR = Actor.command("test")
_FORMULA = '=HYPERLINK("http://evil.example")'


@pytest.fixture(scope="module")
def recorded(prepared: Installation) -> Installation:
    """Two tenants with something to find."""

    async def write() -> None:
        async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as tenancy:
            for slug in ("logged-a", "logged-b"):
                scope = await tenancy.create(slug, slug, actor=_ACTOR)
                await tenancy.audit.record(scope, Actor.agent("ANALYST", "ann@b.example"), "tool.call", f"F.{slug}")
                await tenancy.audit.record(
                    scope, Actor.user(_FORMULA), "person.sign_in", _FORMULA, None, {"n": 1}, "denied"
                )

    asyncio.run(write())
    return prepared


@pytest.fixture
def run(recorded: Installation, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    return str(recorded.run.path)


def _told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(["audit", *words]) == code
    return capsys.readouterr().out


def _found(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    return json.loads(_told(capsys, "search", "--json", *words))


def test_search_finds_by_tenant_actor_outcome_and_time(run: str, capsys: pytest.CaptureFixture[str]):
    one = _found(capsys, "--tenant", "logged-a", "--run", run)
    every = _found(capsys, "--actor", "agent:ANALYST", "--target", "F.logged-*", "--since", "1h", "--run", run)

    assert [record["action"] for record in one] == ["person.sign_in", "tool.call", "tenant.create"]
    assert {record["tenant"] for record in one} == {"logged-a"}
    assert {record["target"] for record in every} == {"F.logged-a", "F.logged-b"}
    assert {record["acting_for"] for record in every} == {"ann@b.example"}
    assert len(_found(capsys, "--tenant", "logged-a", "--outcome", "denied", "--limit", "5", "--run", run)) == 1
    assert _found(capsys, "--tenant", "logged-a", "--until", "2020-01-01", "--run", run) == []
    request = one[0]["request_id"]
    assert [record["seq"] for record in _found(capsys, "--request", request, "--run", run)] == [3]


def test_to_see_every_tenant_is_itself_recorded(run: str, capsys: pytest.CaptureFixture[str]):
    _told(capsys, "search", "--action", "tool.*", "--run", run)

    newest = _found(capsys, "--platform", "--limit", "2", "--run", run)

    assert [(one["tenant_id"], one["actor"], one["target"]) for one in newest] == [
        (None, "audit search", "search the audit log")
    ] * 2
    assert "- " in _told(capsys, "search", "--platform", "--run", run)


def test_what_one_command_did_is_found_by_one_id(run: str, capsys: pytest.CaptureFixture[str]):
    assert main(["tenants", "create", "--slug", "logged-c", "--name", "C", "--run", run]) == 0
    (made,) = _found(capsys, "--tenant", "logged-c", "--action", "tenant.create", "--run", run)

    told = _found(capsys, "--request", made["request_id"], "--run", run)

    done = [(one["tenant"], one["actor"], one["action"], one["target"]) for one in reversed(told)]
    assert [one for one in done if "logged-c" in one[3]] == [
        (None, "tenants create", "admin.access", "make tenant logged-c"),
        (None, "tenants create", "admin.access", "finish tenant logged-c"),
        ("logged-c", "tenants create", "tenant.create", "logged-c"),
    ]
    assert ("logged-c", "tenants create", "module.subscribe", "SCADA_MONITOR") in done
    assert {one["interface"] for one in told} == {"cli"}


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_is_what_its_manifest_says(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str):
    out = tmp_path / f"log.{form}"
    _told(
        capsys,
        "export",
        "--tenant",
        "logged-a",
        "--format",
        form,
        "--out",
        str(out),
        "--until",
        "2100-01-01",
        "--run",
        run,
    )

    manifest = json.loads((tmp_path / f"log.{form}.manifest.json").read_text())
    text = out.read_text()
    rows = (
        [json.loads(line) for line in text.splitlines()] if form == "jsonl" else list(csv.DictReader(text.splitlines()))
    )
    assert manifest["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert manifest["records"] == len(rows) >= 3
    assert manifest["filters"] == {"tenant": "logged-a", "until": "2100-01-01"}
    ((chain, span),) = manifest["chains"].items()
    assert (chain, span["tenant"], span["first"], span["last"]) == (rows[0]["tenant_id"], "logged-a", 1, len(rows))
    assert span["mac"] == rows[-1]["mac"]
    assert rows[1]["previous_mac"] == rows[0]["mac"]
    assert rows[2]["target"] == (_FORMULA if form == "jsonl" else f"'{_FORMULA}")
    told = _found(capsys, "--tenant", "logged-a", "--action", "audit.export", "--limit", "1", "--run", run)
    assert told[0]["after"] == {"records": len(rows), "sha256": manifest["sha256"], "filters": manifest["filters"]}
    assert main(["audit", "export", "--tenant", "logged-a", "--out", str(out), "--run", run]) == 2
    assert "exists already" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"log.{form}", f"log.{form}.manifest.json"]


def test_verify_names_tenant_position_and_reason(run: str, recorded: Installation, capsys: pytest.CaptureFixture[str]):
    assert "logged-b: " in (told := _told(capsys, "verify", "--tenant", "logged-b", "--run", run))
    assert told.endswith("intact\n")

    async def tamper() -> None:
        async with await Database.open(recorded.postgres.dsn("platform")) as superuser:
            await superuser.execute("alter table audit_log disable trigger audit_log_is_append_only")
            await superuser.execute(
                "update audit_log set outcome = 'done' where outcome = 'denied'"
                " and tenant_id = (select id from tenants where slug = 'logged-b')"
            )
            await superuser.execute("alter table audit_log enable always trigger audit_log_is_append_only")

    asyncio.run(tamper())

    assert "logged-b: 2 records, BROKEN at record 3: the record was changed\n" in _told(
        capsys, "verify", "--run", run, code=1
    )
    told = json.loads(_told(capsys, "verify", "--json", "--run", run, code=1))
    broken = {one["tenant"]: (one["broken_at"], one["reason"]) for one in told["chains"] if not one["ok"]}
    assert told["ok"] is False
    assert broken["logged-b"] == (3, "the record was changed")
    assert "logged-a" not in broken


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search", "--tenant", "nobody-co"], "no such tenant"),
        (["search", "--since", "yesterday"], "not a moment"),
        (["search", "--tenant", "logged-a", "--platform"], "either one"),
    ],
)
def test_what_cannot_be_asked_is_one_line(run: str, capsys: pytest.CaptureFixture[str], words: list[str], said: str):
    assert main(["audit", *words, "--run", run]) != 0

    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert said in error[0]
