"""The WebSocket server bridges dial: a key at the door, then a session each."""

from __future__ import annotations

import asyncio
import http
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from core.contracts.lanes import topics_of
from core.db import TenantScope
from core.errors import DeniedError, GoldlayerError, InputError, TransientError
from core.eventlog import EventLog
from core.identity import BridgeIdentity
from core.log import get_logger
from core.settings import GatewaySettings
from core.tenancy import BridgeStanding, InactiveTenantError
from core.tenancy.keys import hash_of
from ingestion.gateway.budget import ByteBudget
from ingestion.gateway.intake import WasLetIn
from ingestion.gateway.session import Register, Session
from ingestion.gateway.tls import check_certificate, server_context

_LOOK_EVERY_S = 1.0
"""How soon a tenant that was suspended, a key that was replaced and a contract in force show at a socket."""
_LOOK_FOR_SILENT_S = 10.0
_FRAMES_UNREAD = 2
"""Frames of a socket that are taken from it before a session asks for them: these alone are outside the budget."""
_LONGEST_GRACE_S = 60.0
"""Time that bridges have to be heard again after the gateway or the platform was away; a heartbeat takes half."""
_log = get_logger("gateway")


class Door(Register, Protocol):
    """A register that also knows keys."""

    async def authenticate(self, key: str) -> BridgeIdentity:
        """Who holds a key; `DeniedError` if nobody does, `InactiveTenantError` if its tenant is suspended."""
        ...

    async def take_down_silent(self) -> None:
        """Tell the tenants of bridges that are silent too long, each once."""
        ...

    async def active_tenants(self) -> Collection[UUID]:
        """Ids of the tenants whose bridges may be connected now."""
        ...

    async def standings(self, tenant: TenantScope) -> Mapping[str, BridgeStanding]:
        """What holds for each of a tenant's bridges now, by its name."""
        ...


class Gateway:
    """Serves every tenant's bridges; made for `async with gateway.serving(port)`.

    Args:
        log: the event log.
        door: the register.
        settings: of the gateway.
        was_let_in: asked about batches that would be refused; None refuses a resend of what was let in before as well.
    """

    def __init__(
        self, log: EventLog, door: Door, settings: GatewaySettings, was_let_in: WasLetIn | None = None
    ) -> None:
        self._log = log
        self._door = door
        self._settings = settings
        self._was_let_in = was_let_in
        # Weak: a handshake that breaks off after the key was checked never becomes a session.
        self._identities: WeakKeyDictionary[ServerConnection, BridgeIdentity] = WeakKeyDictionary()
        self._keys: WeakKeyDictionary[ServerConnection, bytes] = WeakKeyDictionary()
        self._sessions: dict[Session, None] = {}
        """In the order they came."""
        self._budget = ByteBudget(settings.memory_bytes)

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncGenerator[Server]:
        """Listen for a block; sockets are closed at its end, with what was not acknowledged left to the bridges.

        Raises:
            InputError: the address is taken, not ours, or beyond loopback without TLS.
        """
        tls = server_context(self._settings)
        try:
            server = await serve(
                self._session,
                self._settings.host,
                port,
                ssl=tls,
                process_request=self._sign_in,
                compression=None,  # payloads are compressed already
                max_size=4 * self._settings.max_batch_bytes,  # what is refused as oversized still has to arrive whole
                max_queue=_FRAMES_UNREAD,
            )
        except OSError as error:
            raise InputError(
                "gateway cannot listen",
                received=error.strerror,
                where=f"{self._settings.host}:{port}",
                next_step="choose another --port or GOLDLAYER_GATEWAY__HOST",
            ) from error
        scheme = "wss" if tls else "ws"
        _log.info("gateway is listening", action="listen", address=f"{scheme}://{self._settings.host}:{port}")
        watches = (
            asyncio.create_task(self._watch(), name="watch who may be connected"),
            asyncio.create_task(self._look_for_silent(), name="watch for silent bridges"),
        )
        try:
            yield server
        finally:
            for watch in watches:
                watch.cancel()
            server.close()
            await server.wait_closed()

    async def _sign_in(self, socket: ServerConnection, request: Request) -> Response | None:
        """401 with one and the same answer for every key that is not right."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise DeniedError("no bridge key")
            self._identities[socket] = identity = await self._door.authenticate(key)
            self._keys[socket] = hash_of(key)
            if self._settings.client_ca is not None:
                try:
                    check_certificate(identity, socket.transport.get_extra_info("peercert"))
                except DeniedError as error:
                    return self._forbid(socket, error)
            await self._log.ensure_topics(topics_of(identity.tenant.slug))
        except InactiveTenantError:
            _log.warning("tenant of the bridge is not active", action="connect", peer=str(socket.remote_address))
            return socket.respond(http.HTTPStatus.FORBIDDEN, "the tenant is not active\n")
        except DeniedError:
            _log.warning("bridge key is not valid", action="connect", peer=str(socket.remote_address))
            response = socket.respond(http.HTTPStatus.UNAUTHORIZED, "bridge key is not valid\n")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        except TransientError as error:
            self._identities.pop(socket, None)
            _log.warning("platform does not answer", action="connect", error=str(error))
            return socket.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "try again later\n")
        return None

    def _forbid(self, socket: ServerConnection, error: DeniedError) -> Response:
        """403 for somebody whose key is right: they may know what is missing."""
        facts = {"tenant": self._identities[socket].tenant.slug, "bridge": self._identities.pop(socket).bridge_id}
        _log.warning("bridge has not the right certificate", action="connect", error=str(error), **facts)
        return socket.respond(http.HTTPStatus.FORBIDDEN, f"{error.sentence()}\n")

    async def _session(self, socket: ServerConnection) -> None:
        identity = self._identities.pop(socket)
        key = self._keys.pop(socket)
        session = Session(socket, identity, key, self._log, self._door, self._settings, self._budget, self._was_let_in)
        self._sessions[session] = None
        try:
            await session.run()
        finally:
            self._sessions.pop(session, None)

    def session_of(self, tenant_id: UUID, bridge_id: str) -> Session | None:
        """The socket of one tenant's bridge; the newest, while one that broke is not yet known to be gone."""
        key = (tenant_id, bridge_id)
        found = [one for one in self.connected() if (one.tenant_id, one.bridge_id) == key]
        return found[-1] if found else None

    def connected(self) -> list[Session]:
        """Every bridge that was welcomed and is still there."""
        return [one for one in self._sessions if one.welcomed]

    async def _look_for_silent(self) -> None:
        """Take bridges down that nobody hears; after a start only when those that are there had time to come back."""
        silence_s = self._settings.bridge_down_after_s
        grace_s = min(silence_s, _LONGEST_GRACE_S)
        await asyncio.sleep(grace_s)
        while True:
            try:
                await self._door.take_down_silent()
            except GoldlayerError as error:
                # Signs of life were not noted either.
                _log.warning("platform does not answer", action="watch", error=str(error))
                await asyncio.sleep(grace_s)
            await asyncio.sleep(min(silence_s / 4, _LOOK_FOR_SILENT_S))

    @property
    def held(self) -> int:
        """Batches of all bridges in memory that the log does not have yet."""
        return sum(session.held for session in self._sessions)

    @property
    def held_bytes(self) -> int:
        """Their payloads' bytes."""
        return self._budget.held

    async def _watch(self) -> None:
        """Turn away who may no longer be connected; what they have not delivered stays with them."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if not self._sessions:
                continue
            try:
                await self._look()
            except GoldlayerError as error:
                _log.warning("platform does not answer", action="watch", error=str(error))

    async def _look(self) -> None:
        active = await self._door.active_tenants()
        served: dict[TenantScope, list[Session]] = {}
        late: list[Session] = []
        for session in self._sessions:
            if session.tenant_id in active:
                served.setdefault(session.tenant, []).append(session)
            else:
                late.append(session)
        await asyncio.gather(*(session.dismiss("the tenant is not active") for session in late))
        for tenant, sessions in served.items():
            standings = await self._door.standings(tenant)
            await asyncio.gather(*(session.stand(standings.get(session.bridge_id)) for session in sessions))


async def serve_until(gateway: Gateway, port: int, stop: asyncio.Event) -> None:
    """Serve until `stop` is set."""
    async with gateway.serving(port):
        await stop.wait()
