"""What the link may ask of packages: pieces that become a whole, a key that is handed over once."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.calls import Caller, Handler
from bridge.etl.service import remember_site
from bridge.packages.incoming import INCOMING
from bridge.packages.keep import Packages
from bridge.packages.tools import package_tools
from bridge.store import Store
from core.bridge_calls import CallFailedError
from core.bridge_calls.carrying import carry
from core.contracts.package import PIECE_BYTES, build
from core.contracts.package_key import KeyLink, endorse, fingerprint, pem_of
from core.contracts.site import SiteFile
from core.errors import DeniedError, GoldlayerError, InputError

PIPELINE = "pipeline: lab\nsource: {files: {folder: data, format: csv}}\nload: {file: {folder: out, format: csv}}\n"
KEY, NEXT, LAST = (Ed25519PrivateKey.from_private_bytes(one * 32) for one in (b"k", b"n", b"l"))
TENANT, BRIDGE, LIMIT = "newcomer-co", "loop-bridge", 2 << 20
SITE = SiteFile.model_validate(
    {
        "tenant": TENANT,
        "site": "loop",
        "protocol": "modbus",
        "equipment": [{"id": "p1", "type": "pump", "signals": [{"name": "flow"}]}],
    }
)
ANA = Caller("packages push", "1")


def package(version: str, *, key: Ed25519PrivateKey = KEY, size: int = 0) -> bytes:
    filling = base64.b64encode(random.Random(version).randbytes(size)).decode()
    text = f"# {filling}\n{PIPELINE}"
    return build(TENANT, "wear", version, {"etl/lab.yaml": text.encode()}, key)


def linked(key: Ed25519PrivateKey, by: Ed25519PrivateKey | None = None, tenant: str = TENANT) -> dict[str, Any]:
    vouched = None if by is None else endorse(by, tenant, pem_of(key))
    return KeyLink(public_key=pem_of(key).decode(), endorsement=vouched).model_dump()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder that a bridge has run on."""
    with Store.open(tmp_path / "home") as store:
        remember_site(store, SITE)
    yield tmp_path / "home"


@pytest.fixture
def tools(home: Path) -> dict[str, Handler]:
    """Of a bridge that was handed the key."""
    Packages(home, SITE, BRIDGE).trusted.set(pem_of(KEY), "anna")
    return package_tools(home, SITE, BRIDGE, LIMIT)


class Road:
    """Asks the tools; may break off, and forget what was sent."""

    def __init__(self, tools: dict[str, Handler]) -> None:
        self.tools, self.breaks_at, self.sent = tools, set[int](), 0
        self.calls = 0

    async def ask(self, tool: str, arguments: Any) -> dict[str, Any]:
        self.calls += 1
        answer = await self.tools[tool](ANA, arguments)
        self.sent += len(base64.b64decode(arguments.get("piece", "")))
        if self.calls in self.breaks_at:
            raise CallFailedError("the link to the bridge broke before it answered")
        return dict(answer)


def whole(packed: bytes) -> dict[str, Any]:
    return {"sha256": sha256(packed).hexdigest(), "bytes": len(packed)}


async def test_a_large_package_comes_in_pieces_and_over_cut_links(
    tools: dict[str, Handler], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.bridge_calls.carrying._PAUSE_S", 0.0)
    packed, road = package("1.0.0", size=700_000), Road(tools)
    assert len(packed) > 3 * PIECE_BYTES
    road.breaks_at = {3}
    await carry(packed, road.ask)
    assert road.sent == len(packed) + PIECE_BYTES, "only the piece without an answer is offered again, and left"
    assert (home / INCOMING / f"{whole(packed)['sha256']}.{len(packed)}").read_bytes() == packed

    again = Road(package_tools(home, SITE, BRIDGE, LIMIT))  # as after a restart of both sides
    await carry(packed, again.ask)
    assert (again.calls, again.sent) == (1, 0)
    assert await tools["package_install"](ANA, whole(packed)) == {"installed": "wear 1.0.0"}
    assert list((home / INCOMING).iterdir()) == []


async def test_a_road_that_stays_broken_is_given_up(tools: dict[str, Handler], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.bridge_calls.carrying._PAUSE_S", 0.0)
    road = Road(tools)
    road.breaks_at = set(range(2, 99))
    with pytest.raises(CallFailedError, match="link to the bridge broke"):
        await carry(package("1.0.0", size=LIMIT // 2), road.ask)

    async def forgets(tool: str, arguments: Any) -> dict[str, Any]:
        return {"have": 0}

    with pytest.raises(CallFailedError, match="does not keep what it is sent"):
        await carry(package("1.0.0"), forgets)


async def test_what_came_damaged_begins_anew(tools: dict[str, Handler], home: Path) -> None:
    packed, road = package("1.0.0", size=300_000), Road(tools)
    await carry(packed, road.ask)
    part = home / INCOMING / f"{whole(packed)['sha256']}.{len(packed)}"
    part.write_bytes(bytes(len(packed)))
    with pytest.raises(InputError, match="came damaged"):
        await tools["package_install"](ANA, whole(packed))
    with pytest.raises(InputError, match="not here as a whole"):
        await tools["package_install"](ANA, whole(packed))
    await carry(packed, road.ask)
    assert await tools["package_install"](ANA, whole(packed)) == {"installed": "wear 1.0.0"}


async def test_size_and_number_of_what_is_on_its_way_are_bounded(tools: dict[str, Handler], home: Path) -> None:
    first = {"sha256": "0" * 64, "bytes": LIMIT + 1, "offset": 0, "piece": ""}
    with pytest.raises(InputError, match=r"too large for this bridge; expected at most 2,097,152 bytes; .*PACKAGE_MAX"):
        await tools["package_piece"](ANA, first)
    for number in range(9):
        await tools["package_piece"](ANA, {"sha256": f"{number:064}", "bytes": 9, "offset": 0, "piece": "AAAA"})
    assert len(list((home / INCOMING).iterdir())) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "../../../../etc/passwd"},
        {"sha256": "A" * 64},
        {"bytes": 0},
        {"bytes": "9"},
        {"offset": -1},
        {"offset": 8},
        {"piece": "%"},
        {"piece": "ключ"},
        {"piece": None},
        {"piece": base64.b64encode(bytes(PIECE_BYTES + 1)).decode(), "bytes": LIMIT},
        {"more": 1},
    ],
)
async def test_a_piece_is_checked(tools: dict[str, Handler], home: Path, wrong: dict[str, Any]) -> None:
    piece = {"sha256": "0" * 64, "bytes": 9, "offset": 0, "piece": "AAAA"}
    with pytest.raises(InputError):
        await tools["package_piece"](ANA, piece | wrong)
    assert not (home / INCOMING).exists()


async def test_a_key_is_handed_over_once_and_followed_by_its_own_word_only(home: Path) -> None:
    tools, packages = package_tools(home, SITE, BRIDGE, LIMIT), Packages(home, SITE, BRIDGE)
    shown = {one: fingerprint(pem_of(one)) for one in (KEY, NEXT, LAST)}

    async def offered(*links: dict[str, Any]) -> str:
        return (await tools["package_trust"](ANA, {"keys": list(links)}))["trusted"]

    with pytest.raises(InputError, match="trusts no key"):
        packages.install(package("1.0.0"), "anna")
    assert await offered(linked(KEY)) == shown[KEY]
    assert await offered(linked(KEY)) == shown[KEY]
    for wrong in (
        [linked(NEXT)],
        [linked(KEY), linked(NEXT)],
        [linked(KEY), linked(NEXT, by=LAST)],
        [linked(KEY), linked(NEXT, by=KEY, tenant="other-co")],
        [linked(KEY), linked(NEXT, by=KEY), linked(LAST, by=KEY)],
    ):
        with pytest.raises(DeniedError, match=r"this bridge trusts; expected .*SHA256:"):
            await offered(*wrong)
        assert packages.trusted.fingerprint() == shown[KEY]
    assert await offered(linked(KEY), linked(NEXT, by=KEY), linked(LAST, by=NEXT)) == shown[LAST]
    # What a key that was left says of others counts no more, nor does what it signs.
    for wrong in ([linked(KEY)], [linked(KEY), linked(NEXT, by=KEY)], [linked(LAST), linked(KEY, by=NEXT)]):
        with pytest.raises(DeniedError):
            await offered(*wrong)
    with pytest.raises(DeniedError, match="not signed by the key"):
        packages.install(package("1.0.0"), "eve")
    assert packages.install(package("1.0.0", key=LAST), "anna") == "wear 1.0.0"
    assert packages.trusted.set(pem_of(NEXT), "anna") == shown[NEXT]
    listed = await tools["package_list"](ANA, {})
    assert listed["trusted"] == shown[NEXT]
    told = [(one["action"], one["asked_by"], one["note"]) for one in listed["history"] if one["name"] == "(key)"]
    assert [one for one in told if one[0] == "trusted"] == [
        ("trusted", "anna", shown[NEXT]),
        ("trusted", "packages push", shown[LAST]),
        ("trusted", "packages push", shown[KEY]),
    ]


async def test_a_wrong_key_at_every_connection_is_one_line(tools: dict[str, Handler]) -> None:
    for _ in range(5):
        with pytest.raises(DeniedError):
            await tools["package_trust"](ANA, {"keys": [linked(NEXT)]})
    history = (await tools["package_list"](ANA, {}))["history"]
    assert [one["action"] for one in history] == ["refused", "trusted"]


@pytest.mark.parametrize(
    "keys", [[], [{}], ["x"], [{"public_key": "x"}], [linked(KEY) | {"more": 1}], [{"public_key": "x" * 500}]]
)
async def test_no_key_is_no_key(tools: dict[str, Handler], keys: list[Any]) -> None:
    with pytest.raises(GoldlayerError):
        await tools["package_trust"](ANA, {"keys": keys})


async def test_a_trusted_key_that_cannot_be_read_is_no_reason_to_take_another(
    tools: dict[str, Handler], home: Path
) -> None:
    (home / "packages.pub").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="not a public key"):
        await tools["package_trust"](ANA, {"keys": [linked(NEXT)]})
    assert (home / "packages.pub").read_bytes() == b"rubbish"


async def test_the_platform_asks_by_name(tools: dict[str, Handler]) -> None:
    packed = package("1.0.0")
    await carry(packed, Road(tools).ask)
    assert await tools["package_install"](ANA, whole(packed)) == {"installed": "wear 1.0.0"}
    listed = await tools["package_list"](ANA, {})
    assert listed["packages"] == [{"name": "wear", "version": "1.0.0", "versions": ("1.0.0",)}]
    assert listed["history"][0]["asked_by"] == "packages push"
    assert await tools["package_rollback"](ANA, {"name": "wear"}) == {"in_use": None}
    await carry(packed, Road(tools).ask)
    with pytest.raises(InputError, match=r"wear 1.0.0 was in use here"):
        await tools["package_install"](ANA, whole(packed))
