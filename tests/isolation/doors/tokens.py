"""Access tokens, refresh tokens and bridge keys: edited, forged, swapped, expired; each must stay outside."""

from __future__ import annotations

import base64
import hmac
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.errors import DeniedError
from core.identity.tokens import Claims, TokenKeys
from tests.isolation.attempt import Attempt
from tests.isolation.techniques import hostile
from tests.isolation.world import HALL, NOBODY, PASSWORD, Side, World

NOT_A_DOOR: dict[str, str] = {}
_CHANGES = 250
"""Single characters changed in each token, key and refresh token."""


def found(world: World) -> set[str]:
    """What takes a token or a key."""
    links = {"tokens.accept_invitation", "tokens.set_by_link"}
    return {"tokens.verify", "tokens.refresh", "tokens.bridge_of_key", "tokens.me", "tokens.verify_api_key"} | links


def attempts(world: World) -> Iterator[Attempt]:
    """Everything that is not exactly what was handed out."""
    for technique, token in forged(world):
        yield Attempt("tokens.verify", technique, token, world.identity.verify, refused=True)
    for technique, token in (*_damaged(world.b.token, 1), *_damaged(world.b.tokens.refresh, 2)):
        yield Attempt("tokens.refresh", technique, token, world.identity.refresh, refused=True)
    for technique, call in _worn(world).items():
        for turn in range(8):
            yield Attempt("tokens.refresh", technique, str(turn), call, refused=True)
    for technique, key in (*_damaged(world.b.staff.api_key, 5), *_programs(world)):
        yield Attempt("tokens.verify_api_key", technique, key, world.identity.verify, refused=True)
    for technique, token in _links(world, world.b.administering.invitation, 6):
        yield Attempt("tokens.accept_invitation", technique, token, _accept(world), refused=True)
    for technique, token in _links(world, world.b.administering.reset, 7):
        yield Attempt("tokens.set_by_link", technique, token, _set_password(world), refused=True)
    for technique, key in _keys(world):
        yield Attempt("tokens.bridge_of_key", technique, key, world.identity.authenticate_bridge, refused=True)
    for technique, token in list(forged(world))[::9]:
        yield Attempt("tokens.me", technique, token, _me(world), refused=True)


def forged(world: World) -> Iterator[tuple[str, str]]:
    """Access tokens of others' making."""
    a, b = world.a, world.b
    yield from _damaged(a.token, 3)
    yield from _edited(a, b)
    yield from _other_algorithms(world, a, b)
    yield from _other_keys(world, a)
    yield from _signed_rightly(world)
    for technique, text in hostile(world.names, a.token):
        yield technique, text.strip() if text.strip() != a.token else ""


def _damaged(token: str, seed: int) -> Iterator[tuple[str, str]]:
    """A character is another one, is missing or is doubled."""
    chosen = random.Random(seed)
    for _ in range(_CHANGES):
        place = chosen.randrange(len(token))
        other = chosen.choice([one for one in "ABCdef0123-_.~é" if one != token[place]])
        # The last character of a base64 text carries unused bits: another one may mean the same bytes.
        place = min(place, len(token) - 2)
        if other != token[place]:
            yield "damaged", token[:place] + other + token[place + 1 :]
    for end in range(0, len(token), max(1, len(token) // 60)):
        yield "cut off", token[:end]
        yield "turned round", token[end:] + token[:end] if end else token[::-1]


def _edited(a: Side, b: Side) -> Iterator[tuple[str, str]]:
    """Claims of A, changed, under A's signature and under B's."""
    head, body, signature = a.token.split(".")
    claims, others = _read(body), _read(b.token.split(".")[1])
    values: dict[str, list[Any]] = {name: [others.get(name), None, "", str(uuid4())] for name in claims}
    values["rv"] += [0, -1, 2**63, "1", 1.5, True, [1], {"$gt": 0}]
    values["exp"] += [2**31, 2**63, -1, "never", 1e300, None]
    values["iat"] += [0, 2**40]
    values["ten"] += [NOBODY, "TWIN-BETA", "twin-beta\0", "../twin-beta"]
    values["aud"] += [["goldlayer", "x"], "*"]
    for name, wanted in values.items():
        for value in wanted:
            if value != claims[name]:
                for mark in (signature, b.token.split(".")[2], ""):
                    yield "edited claims", f"{head}.{_write(claims | {name: value})}.{mark}"
        left = {other: value for other, value in claims.items() if other != name}
        yield "missing claim", f"{head}.{_write(left)}.{signature}"
    yield "swapped parts", f"{head}.{b.token.split('.')[1]}.{signature}"
    yield "swapped parts", f"{b.token.split('.')[0]}.{body}.{b.token.split('.')[2]}"
    yield "swapped parts", a.tokens.refresh
    yield "swapped parts", a.bridge_key


def _other_algorithms(world: World, a: Side, b: Side) -> Iterator[tuple[str, str]]:
    """`none` in every spelling, and the public key as an HMAC secret."""
    head, body, signature = a.token.split(".")
    plain, aim = _read(head), _write(_read(b.token.split(".")[1]))
    public = world.identity.keys.published()["keys"]
    secrets = [json.dumps(one).encode() for one in public]
    secrets += [base64.urlsafe_b64decode(one["x"] + "==") for one in public] + [b"", b"secret", b"goldlayer"]
    for name in ("none", "None", "NONE", "nOnE", "", None, "null", "EdDSA ", "eddsa", "RS256", "ES256", "PS512"):
        for mark in ("", signature, "e30"):
            yield "another algorithm", f"{_write(plain | {'alg': name})}.{aim}.{mark}"
    for secret in secrets:
        for name in ("HS256", "HS384", "HS512"):
            start = f"{_write(plain | {'alg': name})}.{aim}"
            told = _b64(hmac.new(secret, start.encode(), name.lower().replace("hs", "sha")).digest())
            yield "public key as a secret", f"{start}.{told}"
    ids = ("../token_key", "../../secrets/token_key", "/dev/null", "token_key", "", "a" * 5000, "' or true --", "\0")
    for kid in (*ids, *(one.get("kid", "") + "x" for one in public), None, 1, ["x"], {"x": 1}):
        yield "another key id", f"{_write(plain | {'kid': kid})}.{body}.{signature}"
    for name, value in (("jku", "http://evil/"), ("x5u", "http://evil/"), ("jwk", {"kty": "oct"}), ("crit", ["x"])):
        yield "odd header", f"{_write(plain | {name: value})}.{aim}.{signature}"


def _other_keys(world: World, a: Side) -> Iterator[tuple[str, str]]:
    """Rightly made tokens under keys that are not the installation's."""
    claims = _read(a.token.split(".")[1])
    kid = jwt.get_unverified_header(a.token)["kid"]
    for seed in range(20):
        key = Ed25519PrivateKey.from_private_bytes(sha256(b"attacker %d" % seed).digest())
        public = _b64(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": public}
        for headers in ({"kid": kid}, {"kid": kid, "jwk": jwk}, {"kid": public}):
            yield "another's key", jwt.encode(claims, key, algorithm="EdDSA", headers=headers)


def _signed_rightly(world: World) -> Iterator[tuple[str, str]]:
    """What the platform itself never says: a person in a tenant or session that is not theirs, or too late."""
    keys = TokenKeys(world.installation.run, timedelta(minutes=5))
    a, b = world.a, world.b
    mine, theirs = _claims(a), _claims(b)
    for person in (mine.person_id, theirs.person_id, uuid4()):
        for tenant in (mine.tenant_id, theirs.tenant_id, uuid4()):
            for slug in (a.scope.slug, b.scope.slug, NOBODY):
                for session in (mine.session_id, theirs.session_id, uuid4()):
                    whole = (person, tenant, slug, session)
                    if whole not in (_whole(mine), _whole(theirs)):
                        claims = Claims(person, tenant, slug, mine.role_version, session)
                        yield "signed for another", keys.sign(claims)
    for seconds in (0, -1, -60, -86_400):
        yield "expired", keys.sign(mine, timedelta(seconds=seconds))


def _worn(world: World) -> dict[str, Callable[[str], Awaitable[Any]]]:
    """Tokens that were good once, of sessions opened for this."""
    service, a, b = world.identity, world.a, world.b

    async def used_again(_: str) -> Any:
        tokens = await service.open_session(a.scope, a.person_id, "password")
        await service.refresh((await service.refresh(tokens.refresh)).refresh)
        return await service.refresh(tokens.refresh)

    async def after_theft(_: str) -> Any:
        tokens = await service.open_session(a.scope, a.person_id, "password")
        following = await service.refresh((await service.refresh(tokens.refresh)).refresh)
        with suppress(DeniedError):
            await service.refresh(tokens.refresh)
        return await service.refresh(following.refresh)

    async def access_after_sign_out(_: str) -> Any:
        tokens = await service.open_session(a.scope, a.person_id, "password")
        await service.sign_out(await service.verify(tokens.access))
        return await service.verify(tokens.access)

    async def refresh_after_sign_out(_: str) -> Any:
        tokens = await service.open_session(a.scope, a.person_id, "password")
        await service.sign_out(await service.verify(tokens.access))
        return await service.refresh(tokens.refresh)

    async def for_another_session(_: str) -> Any:
        tokens = await service.open_session(a.scope, a.person_id, "password")
        return await service.refresh(tokens.refresh, session_id=b.tokens.session_id)

    async def session_in_the_other_tenant(_: str) -> Any:
        return await service.open_session(b.scope, a.person_id, "password")

    calls = (used_again, after_theft, access_after_sign_out, refresh_after_sign_out, for_another_session)
    return {call.__name__.replace("_", " "): call for call in (*calls, session_in_the_other_tenant)}


def _claims(side: Side) -> Claims:
    told = _read(side.token.split(".")[1])
    return Claims(UUID(told["sub"]), UUID(told["tid"]), told["ten"], told["rv"], UUID(told["sid"]))


def _whole(claims: Claims) -> tuple[UUID, UUID, str, UUID]:
    return claims.person_id, claims.tenant_id, claims.slug, claims.session_id


def _keys(world: World) -> Iterator[tuple[str, str]]:
    """Bridge keys: damaged, and with the prefix of one and the secret of another."""
    a, b = world.a.bridge_key, world.b.bridge_key
    yield from _damaged(b, 4)
    for first, second in ((a, b), (b, a), (world.hidden_key, a), (a, world.hidden_key)):
        yield "swapped parts", f"{first.rsplit('_', 1)[0]}_{second[-43:]}"
        yield "swapped parts", first[:20] + second[20:] if first[:20] != second[:20] else ""
    for technique, text in hostile(world.names, HALL):
        yield technique, f"gl_{text}_{a[-43:]}"
    yield "swapped parts", world.a.token


def _programs(world: World) -> Iterator[tuple[str, str]]:
    """Keys of programs: the prefix of one with the secret of another, and keys of bridges in their stead."""
    a, b = world.a.staff.api_key, world.b.staff.api_key
    for first, second in ((a, b), (b, a), (b, world.a.bridge_key), (world.a.bridge_key, b)):
        yield "swapped parts", f"{first[:-43]}{second[-43:]}"
    yield "a bridge's key", world.a.bridge_key
    yield "a bridge's key", world.b.bridge_key


def _links(world: World, link: str, seed: int) -> Iterator[tuple[str, str]]:
    """A link of B that is good, damaged; and what was signed for something else, by another, or is used up."""
    yield from _damaged(link, seed)
    head, body, signature = link.split(".")
    for name, value in (("tid", str(world.a.scope.id)), ("sub", str(uuid4())), ("exp", 2**31), ("aud", "goldlayer")):
        yield "edited claims", f"{head}.{_write(_read(body) | {name: value})}.{signature}"
    yield "another algorithm", f"{_write({'alg': 'none', 'typ': 'JWT'})}.{body}."
    others = (world.b.administering.invitation, world.b.administering.reset, world.b.administering.spent)
    for other in (*others, world.a.token, world.b.token, world.b.tokens.refresh, world.b.bridge_key):
        if other != link:
            yield "made for something else", other
    for technique, text in hostile(world.names, link):
        yield technique, text.strip() if text.strip() != link else ""


def _accept(world: World) -> Callable[[str], Awaitable[Any]]:
    return lambda token: world.identity.accept_invitation(token, "Mallory", PASSWORD)


def _set_password(world: World) -> Callable[[str], Awaitable[Any]]:
    return lambda token: world.identity.credentials.set_by_link(token, PASSWORD)


def _me(world: World) -> Any:
    async def call(token: str) -> Any:
        sent = {"authorization": f"Bearer {token}".encode("utf-8", "replace")}
        return await world.client.get("/api/v1/me", headers=sent)

    return call


def _read(part: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _write(content: dict[str, Any]) -> str:
    return _b64(json.dumps(content, default=str).encode())


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
