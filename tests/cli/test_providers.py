"""`platform identity providers` on a real installation, with a real provider."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from cli.main import main
from core.run.ports import free_port

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
PUBLIC = "https://goldlayer.example"
DOOR = f"{PUBLIC}/api/v1/auth/cli-ways"
SECRET = "known to both sides"


class Command:
    """`platform identity providers`, with what is typed in and said."""

    def __init__(self, run: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._run, self._capsys, self._monkeypatch = run, capsys, monkeypatch

    def __call__(self, *words: str, code: int = 0, typed: str = "") -> str:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert main(["identity", "providers", *words, "--run", self._run]) == code
        said = self._capsys.readouterr()
        assert SECRET not in said.out + said.err
        return said.err if code else said.out

    def names(self, slug: str) -> list[str]:
        self._capsys.readouterr()
        return [line.split()[0] for line in self("list", slug).splitlines()]


@pytest.fixture
def providers(prepared: Installation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    monkeypatch.setenv("GOLDLAYER_AGENTS__PUBLIC_URL", PUBLIC)
    run = str(prepared.run.path)
    assert main(["tenants", "create", "--slug", "cli-ways", "--name", "Ways", "--run", run]) == 0
    capsys.readouterr()
    return Command(run, capsys, monkeypatch)


@pytest.mark.keycloak
@pytest.mark.xdist_group("keycloak")
def test_an_openid_provider_is_added_shown_tested_and_removed(providers: Command, keycloak: str):
    words = ("--issuer", keycloak, "--client-id", "goldlayer", "--domain", "north.example", "--role", "viewer")
    words += ("--role-claim", "groups", "--give", "cn=plant-a,ou=groups=operator", "--give", "owners=admin")
    added = providers("add", "cli-ways", "corp", "--label", "Corporate", *words, typed=f"{SECRET}\n")
    assert f"redirect URI  {DOOR}/oidc/corp/callback" in added

    listed, shown = providers("list", "cli-ways"), providers("show", "cli-ways", "corp")
    assert listed.split() == ["corp", "oidc", "open", keycloak, "Corporate"]
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    for line in ("secret in the vault", "domains north.example", "strangers viewer", "roles by groups"):
        assert line in lines
    assert "cn=plant-a,ou=groups operator" in lines
    tested = providers("test", "cli-ways", "corp")
    assert f"issuer      {keycloak}" in tested and "client      accepted\n" in tested

    assert "corp of cli-ways is shut" in providers("disable", "cli-ways", "corp")
    assert providers("list", "cli-ways").split()[2] == "shut"
    assert "corp of cli-ways is open" in providers("enable", "cli-ways", "corp")
    assert "is removed" in providers("remove", "cli-ways", "corp")
    assert providers("list", "cli-ways") == "no providers yet\n"


@pytest.mark.keycloak
@pytest.mark.xdist_group("keycloak")
def test_a_wrong_client_is_found_before_anybody_signs_in(providers: Command, keycloak: str):
    words = ("--issuer", keycloak, "--client-id")
    providers("add", "cli-ways", "wrong", *words, "goldlayer", typed="another secret")
    providers("add", "cli-ways", "nobody", *words, "unknown", typed=SECRET)
    providers("add", "cli-ways", "public", *words, "goldlayer-public", "--public")

    for name in ("wrong", "nobody"):
        assert "does not accept our client" in providers("test", "cli-ways", name, code=1)
    assert "accepted, without a secret" in providers("test", "cli-ways", "public")
    for name in ("wrong", "nobody", "public"):
        providers("remove", "cli-ways", name)


@pytest.mark.keycloak
@pytest.mark.xdist_group("keycloak")
def test_a_saml_provider_is_known_by_its_metadata(providers: Command, keycloak: str, tmp_path: Path):
    url = f"{keycloak}/protocol/saml/descriptor"
    file = tmp_path / "metadata.xml"
    file.write_text(httpx.get(url, trust_env=False).text)

    for name, metadata in (("by-url", url), ("by-file", str(file))):
        added = providers("add", "cli-ways", name, "--kind", "saml", "--metadata", metadata, "--trust-email")
        assert f"{DOOR}/saml/{name}/metadata" in added and f"{DOOR}/saml/{name}/acs" in added
        tested = providers("test", "cli-ways", name)
        assert f"entity id     {keycloak}" in tested and "certificates  1, until 20" in tested
        assert "trusted" in providers("show", "cli-ways", name)
        providers("remove", "cli-ways", name)


def test_what_cannot_be_done_is_one_line_and_leaves_nothing(providers: Command, tmp_path: Path):
    nowhere = f"http://127.0.0.1:{free_port()}"
    odd = tmp_path / "odd.xml"
    odd.write_text("<html/>")
    for words, says, code in (
        (("--issuer", nowhere, "--client-id", "x"), "does not answer", 1),
        (("--issuer", "http://id.example", "--client-id", "x"), "expected https://", 1),
        (("--client-id", "x"), "named by its issuer", 2),
        (("--kind", "saml"), "named by its metadata", 2),
        (("--kind", "saml", "--metadata", str(odd)), "not the metadata of one identity provider", 1),
        (("--kind", "saml", "--metadata", str(tmp_path / "none.xml")), "metadata cannot be read", 2),
    ):
        said = providers("add", "cli-ways", "corp", *words, code=code, typed=SECRET)
        assert says in said and len([line for line in said.splitlines() if line.startswith("error:")]) == 1
    for words in (("show",), ("test",), ("remove",), ("enable",)):
        assert "no such identity provider" in providers(*words, "cli-ways", "corp", code=1)
    assert providers("list", "cli-ways") == "no providers yet\n"


@pytest.mark.keycloak
@pytest.mark.xdist_group("keycloak")
def test_the_commands_of_the_docs_work_as_they_stand(
    providers: Command, keycloak: str, prepared: Installation, monkeypatch: pytest.MonkeyPatch
):
    run = str(prepared.run.path)
    assert main(["tenants", "create", "--slug", "acme-works", "--name", "Acme", "--run", run]) == 0
    page = (Path(__file__).parents[2] / "docs" / "sign-in.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\$ platform (.*)$", page, re.MULTILINE)
    assert len(lines) == 8
    for line in lines:
        command, _, file = line.replace("https://login.acme.example/realms/plant", keycloak).partition(" < ")
        monkeypatch.setattr("sys.stdin", io.StringIO(SECRET if file else ""))
        assert main([*shlex.split(command), "--run", run]) == 0, line
    assert providers.names("acme-works") == ["corp", "groups"]
    for command in re.findall(r"`platform (audit [^`]*)`", page):
        assert main([*shlex.split(command), "--run", run]) == 0
