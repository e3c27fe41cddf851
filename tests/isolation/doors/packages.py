"""Packages for bridges: A's packages at A's doors and at B's site, and B's at A's.

The platform's side stands over the world's vault and calls; no bridge is connected, so that whoever is found is
offline. The site's side is what a bridge of B runs, asked as its socket would: whatever the platform said, it takes
nothing but what B's own key has signed.
"""

from __future__ import annotations

import base64
import inspect
import io
import tempfile
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.calls import Caller
from bridge.packages.keep import Packages
from bridge.packages.tools import package_tools
from bridge.store import Store
from core.bridge_calls import BridgeCalls, Place
from core.bridge_calls.packages import BridgePackages
from core.contracts.package import MANIFEST, build, open_package
from core.contracts.site import SiteFile
from core.vault.vault import Vault
from tests.isolation.attempt import Attempt
from tests.isolation.filling import ACTOR, FILES, PACKAGE
from tests.isolation.techniques import hostile, some
from tests.isolation.world import HALL, HIDDEN_HALL, A, B, Side, World

NOT_A_DOOR: dict[str, str] = {}
_FEW = 12
"""Texts for each place of a name."""
_SITES = ("package_install", "package_rollback", "package_list")
_EVE = Caller("eve", "0" * 8)
Call = Callable[[str], Awaitable[Any]]


def found(world: World) -> set[str]:
    """Every call of the platform's side, and every tool of a site's."""
    del world
    calls = inspect.getmembers(BridgePackages, inspect.iscoroutinefunction)
    site = package_tools(Path("nowhere"), _site_of(A))
    return {f"packages.{name}" for name, _ in calls if not name.startswith("_")} | {f"packages.{one}" for one in site}


def attempts(world: World) -> Iterator[Attempt]:
    """A's own first, so that refusals show something."""
    yield from _of_the_platform(world)
    with tempfile.TemporaryDirectory() as folder:
        sites = {side.scope.slug: _Site.prepare(Path(folder), side) for side in (world.a, world.b)}
        yield from _of_sites(world, sites)


def _of_the_platform(world: World) -> Iterator[Attempt]:
    scope, own, other = world.a.scope, world.a.packages, world.b.packages
    told = some([("thing of the other tenant", HIDDEN_HALL), *hostile(world.names, "hidden")], _FEW)

    async def key(_: str) -> Any:
        found = await _of_a(world).public_key(scope, ACTOR)
        assert found != other.public_key, "one key for two tenants"
        return found

    async def sign(text: str) -> Any:
        return await _opened(world, PACKAGE, "9.0.0", {text: FILES["rules/lab.yaml"]})

    async def sign_as(text: str) -> Any:
        return await _opened(world, text, "9.0.0", FILES)

    async def place(text: str) -> Any:
        return await _of_a(world).place(scope, text)

    async def push(text: str) -> Any:
        return await _of_a(world).push(scope, ACTOR, _place(text), own.newer)

    async def push_what(text: str) -> Any:
        return await _of_a(world).push(scope, ACTOR, _place(f"{HALL}-bridge"), _forged(world)[text])

    async def rollback(text: str) -> Any:
        return await _of_a(world).rollback(scope, ACTOR, _place(text), PACKAGE)

    async def list_(text: str) -> Any:
        return await _of_a(world).list(scope, ACTOR, _place(text))

    yield Attempt("packages.public_key", "own thing", "", key, own=True)
    yield Attempt("packages.sign", "own thing", "rules/lab.yaml", sign, own=True)
    yield Attempt("packages.place", "own thing", HALL, place, own=True)
    for technique, text in told:
        yield Attempt("packages.place", technique, text, place, refused=True)
        yield Attempt("packages.sign", technique, text, sign, refused=True)
        yield Attempt("packages.sign", technique, text, sign_as)
    hidden = f"{HIDDEN_HALL}-bridge"
    for name, call in (("push", push), ("rollback", rollback), ("list", list_)):
        yield Attempt(f"packages.{name}", "thing of the other tenant", hidden, call, refused=True)
    for technique in _forged(world):
        yield Attempt("packages.push", technique, technique, push_what, refused=True)


def _of_sites(world: World, sites: dict[str, _Site]) -> Iterator[Attempt]:
    """What reaches a site over its socket; at B's it must leave everything as it was."""
    own = world.a.packages
    at_a, at_b = sites[A], sites[B]
    for version, packed in (("1.0.0", own.older), ("1.1.0", own.newer)):
        yield Attempt("packages.package_install", "own thing", version, at_a.install({version: packed}), own=True)
    replayed = {"an older version again": own.older}
    yield Attempt("packages.package_install", *_twice(replayed), at_a.install(replayed), refused=True)
    for technique in _forged(world):
        yield Attempt("packages.package_install", technique, technique, at_a.install(_forged(world)), refused=True)
    strange = _forged(world) | {"of A at B's": own.newer}
    del strange[_OF_B]  # which B's own site takes
    for technique in strange:
        yield Attempt("packages.package_install", technique, technique, at_b.install(strange), refused=True)
    for technique, text in some(hostile(world.names, "hidden"), _FEW):
        yield Attempt("packages.package_install", technique, text, at_b.ask("package_install", "package"), refused=True)
        yield Attempt("packages.package_rollback", technique, text, at_a.ask("package_rollback", "name"), refused=True)
        yield Attempt("packages.package_list", technique, text, at_a.ask("package_list", None))
    yield Attempt("packages.package_rollback", "own thing", PACKAGE, at_a.ask("package_rollback", "name"), own=True)


_OF_B = "signed by B for B"


def _forged(world: World) -> dict[str, bytes]:
    """Packages that no site of A takes, and none of B's but the one B has signed."""
    mine = Ed25519PrivateKey.generate()
    newer = world.b.packages.newer
    return {
        _OF_B: newer,
        "signed by nobody for B": build(B, PACKAGE, "9.0.0", FILES, mine),
        "signed by nobody for A": build(A, PACKAGE, "9.0.0", FILES, mine),
        "a file changed": _with(newer, "rules/lab.yaml", FILES["rules/lab.yaml"] + b"\n# changed"),
        "a file more": _with(newer, "rules/more.yaml", FILES["rules/lab.yaml"]),
        "another tenant named": _with(newer, MANIFEST, _manifest(newer).replace(B.encode(), A.encode())),
        "manifest of A, signature of B": _with(newer, MANIFEST, _manifest(world.a.packages.newer)),
        "cut off": newer[:-40],
        "nothing": b"",
    }


def _manifest(packed: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return archive.read(MANIFEST)


def _with(packed: bytes, name: str, content: bytes) -> bytes:
    """The same package with one file replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as before, zipfile.ZipFile(out, "w") as after:
        held = {one.filename: before.read(one) for one in before.infolist()}
        for path, text in {**held, name: content}.items():
            after.writestr(path, text)
    return out.getvalue()


@dataclass(frozen=True)
class _Site:
    """The packages' tools of a bridge."""

    home: Path
    site: SiteFile
    sees: bool

    @classmethod
    def prepare(cls, folder: Path, side: Side) -> _Site:
        """As registration leaves it: it trusts its own tenant's key. B's has a package in use."""
        home, site = folder / side.scope.slug, _site_of(side.scope.slug)
        with Store.open(home):
            Packages(home, site).trust(side.packages.public_key)
        if side.scope.slug == B:
            Packages(home, site).install(side.packages.older, "somebody of beta")
        return cls(home, site, side.scope.slug == A)

    def install(self, packages: dict[str, bytes]) -> Call:
        async def call(text: str) -> Any:
            packed = base64.b64encode(packages.get(text, b"")).decode()
            return await self._asked("package_install", {"package": packed})

        return call

    def ask(self, tool: str, name: str | None) -> Call:
        async def call(text: str) -> Any:
            answer = await self._asked(tool, {name: text} if name else {})
            return answer if tool != "package_list" else answer["packages"]

        return call

    async def _asked(self, tool: str, arguments: dict[str, Any]) -> Any:
        before = self._state()
        try:
            return await package_tools(self.home, self.site)[tool](_EVE, arguments)
        finally:
            assert self.sees or self._state() == before, "changes what is in use on B's site"

    def _state(self) -> object:
        return Packages(self.home, self.site).list()


def _twice(packages: dict[str, bytes]) -> tuple[str, str]:
    (name,) = packages
    return name, name


def _site_of(slug: str) -> SiteFile:
    signals: list[dict[str, object]] = [{"name": "flow"}, {"name": "high", "derived": True}]
    equipment = [{"id": "pump-[1..3]", "type": "centrifugal_pump", "signals": signals}]
    return SiteFile.model_validate({"tenant": slug, "site": HALL, "protocol": "modbus", "equipment": equipment})


def _place(bridge_id: str) -> Place:
    return Place(bridge_id, HALL, frozenset(), None)


async def _opened(world: World, name: str, version: str, files: dict[str, bytes]) -> Any:
    """Whose a package is that A had signed; its bytes differ with its name, and say nothing else."""
    packed = await _of_a(world).sign(world.a.scope, ACTOR, name, version, files, "0.0.0")
    return open_package(packed, world.a.packages.public_key, A).manifest.tenant


def _of_a(world: World) -> BridgePackages:
    installation, tenancy = world.installation, world.tenancy
    vault = Vault.over(tenancy.platform, installation.run, installation.settings, tenancy.audit)
    return BridgePackages(vault, tenancy.audit, BridgeCalls(tenancy.platform))
