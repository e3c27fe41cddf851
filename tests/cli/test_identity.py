"""`platform identity keys | roles | people | invite | reset | rotate-keys` on a real installation."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from core.audit import Actor
from core.errors import DeniedError
from core.identity import IdentityService
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
TEST = Actor.command("test")
_TENANT, _ANN = "identity-cli", "ann@identity.example"


class House:
    """The installation, its commands, and its accounts as the service sees them."""

    def __init__(self, prepared: Installation, capsys: pytest.CaptureFixture[str]) -> None:
        self._prepared = prepared
        self._capsys = capsys

    def run(self, *words: str, code: int = 0) -> str:
        """What a command prints; the exit code must be this."""
        self._capsys.readouterr()
        assert main(["identity", *words, "--run", str(self._prepared.run.path)]) == code
        told = self._capsys.readouterr()
        return told.out if code == 0 else told.out + told.err

    def ask(self, work: Any) -> Any:
        """What the service answers."""

        async def asked() -> Any:
            async with await Tenancy.open(
                self._prepared.run, self._prepared.postgres, self._prepared.settings
            ) as tenancy:
                service = IdentityService(tenancy, self._prepared.run, self._prepared.settings)
                return await work(service, await tenancy.create(_TENANT, "Identity", actor=TEST))

        return asyncio.run(asked())


@pytest.fixture
def house(prepared: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> House:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    opened = House(prepared, capsys)
    opened.ask(lambda service, scope: service.members.add(scope, _ANN, "Ann", None, "viewer", actor=TEST))
    return opened


def test_a_key_is_printed_once_works_and_is_revoked(house: House):
    words = ("--purpose", "nightly", "--role", "viewer", "--role", "operator", "--per-minute", "7", "--days", "2")

    key = house.run("keys", "create", _TENANT, "export", *words).strip()

    assert re.fullmatch(r"gl_[0-9a-f]{16}_[\w-]{43}", key)
    assert house.ask(lambda service, _: service.verify(key)).email == "export"
    (line,) = [one for one in house.run("keys", "list", _TENANT).splitlines() if "nightly" in one]
    assert "operator, viewer" in line and "7 a minute" in line and key not in line
    house.run("keys", "revoke", _TENANT, line.split()[0])
    with pytest.raises(DeniedError):
        house.ask(lambda service, _: service.verify(key))
    assert "no such key" in house.run("keys", "revoke", _TENANT, line.split()[0], code=1)


def test_a_role_of_the_tenant_s_own_is_made_given_changed_and_removed(house: House):
    assert "role night_shift" in house.run("roles", "create", _TENANT, "Night shift", "PLATFORM.READ_AUDIT")
    house.run("people", "roles", _TENANT, _ANN, "viewer", "night_shift")
    (line,) = [one for one in house.run("people", "list", _TENANT).splitlines() if _ANN in one]
    assert "active" in line and "night_shift, viewer" in line
    house.run("roles", "set", _TENANT, "night_shift", "PLATFORM.MANAGE_KEYS", "PLATFORM.READ_AUDIT")
    (line,) = [one for one in house.run("roles", "list", _TENANT).splitlines() if one.startswith("night_shift")]
    assert "own" in line and "1 people" in line and "PLATFORM.MANAGE_KEYS, PLATFORM.READ_AUDIT" in line
    assert "in use" in house.run("roles", "delete", _TENANT, "night_shift", code=2)
    house.run("people", "roles", _TENANT, _ANN, "viewer")
    assert "gone" in house.run("roles", "delete", _TENANT, "night_shift")


def test_somebody_is_signed_out_shut_out_and_let_in_again(house: House):
    async def signed_in(service: IdentityService, scope: Any) -> str:
        (person,) = [one.id for one in await service.people(scope) if one.email == _ANN]
        return (await service.open_session(scope, person, "external:test")).access

    token = house.ask(signed_in)
    assert "external:test" in house.run("people", "sessions", _TENANT, _ANN)
    assert f"sessions of {_ANN} are ended" in house.run("people", "sign-out", _TENANT, _ANN)
    with pytest.raises(DeniedError):
        house.ask(lambda service, _: service.verify(token))
    assert "no open sessions" in house.run("people", "sessions", _TENANT, _ANN)
    house.run("people", "deactivate", _TENANT, _ANN)
    assert "deactivated" in house.run("people", "list", _TENANT)
    with pytest.raises(DeniedError):
        house.ask(signed_in)
    house.run("people", "reactivate", _TENANT, _ANN)
    house.run("people", "unlock", _TENANT, _ANN)
    assert house.ask(signed_in)
    assert "no such person" in house.run("people", "unlock", _TENANT, "nobody@identity.example", code=1)


_GOOD = "nine blue kettles sold"


def test_somebody_is_invited_by_a_link_under_the_public_address(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GOLDLAYER_AGENTS__PUBLIC_URL", "https://goldlayer.example/")

    said = house.run("invite", _TENANT, "new@identity.example", "--role", "viewer", "--role", "operator")

    address, _, token = said.strip().partition("#invitation=")
    assert address == "https://goldlayer.example/"
    house.ask(lambda service, _: service.accept_invitation(token, "New", _GOOD))
    (line,) = [one for one in house.run("people", "list", _TENANT).splitlines() if "new@identity" in one]
    assert "New" in line and "operator, viewer" in line
    with pytest.raises(DeniedError, match="not valid any more"):
        house.ask(lambda service, _: service.accept_invitation(token, "New", _GOOD))
    again = house.run("invite", _TENANT, "new@identity.example", "--role", "viewer", code=2)
    assert "already a member" in again


def test_of_a_table_each_refused_row_is_named_and_leaves_nothing(house: House, tmp_path: Path):
    table = tmp_path / "people.csv"
    table.write_text(
        "email,name,roles\none@table.example,One,viewer\ntwo@table.example,Two,viewer emperor\n"
        f"{_ANN},Ann,viewer\nno address,Bo,viewer\nlast@table.example,Last,operator\n"
    )

    said = house.run("invite", _TENANT, "--csv", str(table), code=1)

    links = re.findall(r"^(\S+@table.example)  http://\S+/#invitation=\S+$", said, re.MULTILINE)
    assert links == ["one@table.example", "last@table.example"]
    assert [line for line in said.splitlines() if line.startswith("line ")] == [
        "line 3: no such role; expected admin, manager, operator, viewer; received 'emperor'",
        f"line 4: already a member; received '{_ANN}'; next: change their roles",
        "line 5: not an e-mail address; received 'no address'",
    ]
    waiting = [one.email for one in house.ask(lambda service, scope: service.invitations.open(scope))]
    assert [one for one in waiting if "table" in one] == ["last@table.example", "one@table.example"]
    table.write_text("email,name,roles\nmore@table.example,More,viewer\n")
    assert house.run("invite", _TENANT, "--csv", str(table)).startswith("more@table.example  http")
    table.write_bytes(b"email,name,roles\n\xff@table.example,More,viewer\n")
    assert "UTF-8" in house.run("invite", _TENANT, "--csv", str(table), code=2)


@pytest.mark.parametrize("words", [(), (_ANN, "--csv", __file__), ("--csv", __file__, "--role", "viewer"), (_ANN,)])
def test_whom_to_invite_is_said_one_way(house: House, words: tuple[str, ...]):
    house.run("invite", _TENANT, *words, code=2)


def test_a_link_sets_a_password_once(house: House):
    token = house.run("reset", _TENANT, _ANN).strip().partition("#reset=")[2]

    house.ask(lambda service, _: service.credentials.set_by_link(token, _GOOD))

    assert house.ask(lambda service, _: service.sign_in(_TENANT, _ANN, _GOOD))
    with pytest.raises(DeniedError, match="not valid any more"):
        house.ask(lambda service, _: service.credentials.set_by_link(token, "another good one"))
    assert "no such person" in house.run("reset", _TENANT, "nobody@identity.example", code=1)


def test_keys_of_tokens_rotate_and_older_tokens_hold_unless_they_are_dropped(house: House):
    async def signed_in(service: IdentityService, scope: Any) -> str:
        (person,) = [one.id for one in await service.people(scope) if one.email == _ANN]
        return (await service.open_session(scope, person, "external:test")).access

    token = house.ask(signed_in)

    said = house.run("rotate-keys")

    assert re.search(r"key (\S+); [2-9]\d* keys are good", said)
    assert house.ask(lambda service, _: service.verify(token)).email == _ANN
    assert "; 1 keys are good" in house.run("rotate-keys", "--drop-older")
    with pytest.raises(DeniedError):
        house.ask(lambda service, _: service.verify(token))
