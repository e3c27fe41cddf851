"""Packages for bridges: A's packages at A's doors and at B's site, and B's at A's.

The platform's side stands over the world's vault and calls; no bridge is connected, so that whoever is found is
offline. The site's side is what a bridge of B runs, asked as its socket would: whatever the platform said, it takes
nothing but what B's own key has signed.
"""

from __future__ import annotations

import inspect
import io
import tempfile
import zipfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.calls import Caller
from bridge.packages.keep import Packages
from bridge.packages.tools import package_tools
from bridge.store import Store
from core.bridge_calls import BridgeCalls, Place
from core.bridge_calls.carrying import carry
from core.bridge_calls.packages import BridgePackages
from core.contracts.package import MANIFEST, build, open_package
from core.contracts.package_key import KeyLink, endorse, pem_of
from core.contracts.site import SiteFile
from core.vault.vault import Vault
from tests.isolation.attempt import Attempt
from tests.isolation.filling import ACTOR, FILES, PACKAGE
from tests.isolation.techniques import hostile, some
from tests.isolation.world import HALL, HIDDEN_HALL, A, B, Side, World

NOT_A_DOOR: dict[str, str] = {}
_FEW = 12
"""Texts for each place of a name."""
_MOST_BYTES = 1 << 20
"""Of a package that a site takes."""
_BRIDGE = f"{HALL}-bridge"
_EVE = Caller("eve", "0" * 8)
Call = Callable[[str], Awaitable[Any]]


def found(world: World) -> set[str]:
    """Every call of the platform's side, and every tool of a site's."""
    del world
    calls = inspect.getmembers(BridgePackages, inspect.iscoroutinefunction)
    site = package_tools(Path("nowhere"), _site_of(A), _BRIDGE, _MOST_BYTES)
    return {f"packages.{name}" for name, _ in calls if not name.startswith("_")} | {f"packages.{one}" for one in site}


def attempts(world: World) -> Iterator[Attempt]:
    """A's own first, so that refusals show something."""
    yield from _of_the_platform(world)
    with tempfile.TemporaryDirectory() as folder:
        sites = {side.scope.slug: _Site.prepare(Path(folder), side) for side in (world.a, world.b)}
        yield from _of_sites(world, sites)
    yield _rotation(world)


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


def _rotation(world: World) -> Attempt:
    scope = world.a.scope

    async def rotate(_: str) -> Any:
        """Comes last: what was signed before is no longer signed by the newest key."""
        before = await _of_a(world).public_key(world.b.scope, ACTOR)
        found = await _of_a(world).rotate(scope, ACTOR)
        assert await _of_a(world).public_key(scope, ACTOR) == found
        assert await _of_a(world).public_key(world.b.scope, ACTOR) == before, "B's key was replaced"
        return found

    return Attempt("packages.rotate", "own thing", "", rotate, own=True)


def _of_sites(world: World, sites: dict[str, _Site]) -> Iterator[Attempt]:
    """What reaches a site over its socket; at B's it must leave everything as it was."""
    own = world.a.packages
    at_a, at_b = sites[A], sites[B]
    yield from _keys_at(world, at_a, at_b)
    for version, packed in (("1.0.0", own.older), ("1.1.0", own.newer)):
        yield Attempt("packages.package_install", "own thing", version, at_a.install({version: packed}), own=True)
    replayed = {"an older version again": own.older}
    yield Attempt("packages.package_install", *_twice(replayed), at_a.install(replayed), refused=True)
    for technique in _forged(world):
        yield Attempt("packages.package_install", technique, technique, at_a.install(_forged(world)), refused=True)
    elsewhere = {"for another site of A": own.elsewhere}
    yield Attempt("packages.package_install", *_twice(elsewhere), at_a.install(elsewhere), refused=True)
    strange = _forged(world) | {"of A at B's": own.newer}
    del strange[_OF_B]  # which B's own site takes
    for technique in strange:
        yield Attempt("packages.package_install", technique, technique, at_b.install(strange), refused=True)
    for at in (at_a, at_b):
        yield from _pieces_at(world, at)
    for technique, text in some(hostile(world.names, "hidden"), _FEW):
        yield Attempt("packages.package_rollback", technique, text, at_a.ask("package_rollback", "name"), refused=True)
        yield Attempt("packages.package_list", technique, text, at_a.ask("package_list", None))
    yield Attempt("packages.package_rollback", "own thing", PACKAGE, at_a.ask("package_rollback", "name"), own=True)
    returned = {"a version that was rolled back again": own.newer}
    yield Attempt("packages.package_install", *_twice(returned), at_a.install(returned), refused=True)


def _keys_at(world: World, at_a: _Site, at_b: _Site) -> Iterator[Attempt]:
    """Who hands over a key that nobody on site has named, and that the trusted one has not signed."""
    a, b = world.a.packages.public_key, world.b.packages.public_key
    mine = Ed25519PrivateKey.generate()
    me = pem_of(mine)
    chains = {
        "of nobody": [(me, None)],
        "of nobody, by its own word": [(me, endorse(mine, B, me))],
        "of nobody behind A's": [(a, None), (me, None)],
        "of nobody behind B's": [(b, None), (me, None)],
        "of nobody behind A's, by its own word": [(a, None), (me, endorse(mine, A, me))],
        "of nobody behind B's, by its own word": [(b, None), (me, endorse(mine, B, me))],
        "of B before A's": [(b, None), (a, endorse(mine, A, a)), (me, None)],
    }
    yield Attempt("packages.package_trust", "own thing", "own", at_a.trust({"own": [(a, None)]}), own=True)
    for technique in chains:
        for at in (at_a, at_b):
            yield Attempt("packages.package_trust", technique, technique, at.trust(chains), refused=True)
    for at, own, other in ((at_a, a, b), (at_b, b, a)):
        across = {"the other's": [(other, None)], "the other's behind its own": [(own, None), (other, None)]}
        for technique in across:
            yield Attempt("packages.package_trust", technique, technique, at.trust(across), refused=True)


def _pieces_at(world: World, at: _Site) -> Iterator[Attempt]:
    """Pieces that would lie elsewhere, be more than was announced, or fill the disk."""
    piece: dict[str, Any] = {"sha256": "0" * 64, "bytes": 9, "offset": 0, "piece": "AAAA"}
    wrong: dict[str, dict[str, Any]] = {
        "more than a site takes": {"bytes": _MOST_BYTES + 1},
        "more than was announced": {"bytes": 2},
        "behind its end": {"offset": 9},
        "before its beginning": {"offset": -1},
        "no size": {"bytes": "9"},
        "a word more": {"home": "/"},
    }
    yield Attempt("packages.package_piece", "own thing", "", at.piece(lambda _: piece), own=True)
    for technique, change in wrong.items():
        said = piece | change
        yield Attempt("packages.package_piece", technique, technique, at.piece(lambda _, said=said: said), refused=True)
    for technique, text in some(hostile(world.names, "hidden"), _FEW):
        for key in ("sha256", "piece"):
            asked = at.piece(lambda text, key=key: piece | {key: f"../{text}"})
            yield Attempt("packages.package_piece", technique, text, asked, refused=True)
        whole = at.ask("package_install", "sha256")
        yield Attempt("packages.package_install", technique, text, whole, refused=True)


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
            pass
        packages = Packages(home, site, _BRIDGE)
        packages.trusted.set(side.packages.public_key, "registration")
        if side.scope.slug == B:
            packages.install(side.packages.older, "somebody of beta")
        return cls(home, site, side.scope.slug == A)

    def install(self, packages: dict[str, bytes]) -> Call:
        async def call(text: str) -> Any:
            packed = packages.get(text, b"")
            await carry(packed, self._asked)
            return await self._asked("package_install", {"sha256": sha256(packed).hexdigest(), "bytes": len(packed)})

        return call

    def trust(self, chains: Mapping[str, Sequence[tuple[bytes, str | None]]]) -> Call:
        async def call(text: str) -> Any:
            links = [KeyLink(public_key=key.decode(), endorsement=word) for key, word in chains.get(text, [])]
            await self._asked("package_trust", {"keys": [link.model_dump() for link in links]})
            return "trusted"

        return call

    def piece(self, arguments: Callable[[str], Mapping[str, Any]]) -> Call:
        async def call(text: str) -> Any:
            return await self._asked("package_piece", arguments(text))

        return call

    def ask(self, tool: str, name: str | None) -> Call:
        async def call(text: str) -> Any:
            answer = await self._asked(tool, {name: text} if name else {})
            return answer if tool != "package_list" else answer["packages"]

        return call

    async def _asked(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        before = self._state()
        try:
            return await package_tools(self.home, self.site, _BRIDGE, _MOST_BYTES)[tool](_EVE, arguments)
        finally:
            assert self.sees or self._state()[1:] == before[1:], "changes what is in use on B's site"
            assert self._state()[0] == before[0], "changes whom a site trusts"

    def _state(self) -> tuple[str | None, object]:
        packages = Packages(self.home, self.site, _BRIDGE)
        return packages.trusted.fingerprint(), packages.list()


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
    packed = await _of_a(world).sign(world.a.scope, ACTOR, name, version, files)
    return open_package(packed, world.a.packages.public_key, A).manifest.tenant


def _of_a(world: World) -> BridgePackages:
    installation, tenancy = world.installation, world.tenancy
    vault = Vault.over(tenancy.platform, installation.run, installation.settings, tenancy.audit)
    return BridgePackages(tenancy.platform, vault, tenancy.audit, BridgeCalls(tenancy.platform))
