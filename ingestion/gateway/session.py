"""One bridge on one socket: greeting, batches, heartbeats."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from pydantic import BaseModel
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from core.contracts.batch import MalformedBatchError
from core.contracts.calls import CallOutcome, ToolAnswer
from core.contracts.data_contract import DataContract
from core.contracts.frames import (
    CALLS_SINCE,
    CONTRACT_SINCE,
    ContractAnswer,
    ContractUpdate,
    Error,
    Heartbeat,
    Hello,
    NoCommonProtocolError,
    Welcome,
    agree,
    parse_message,
    unpack_frame,
)
from core.contracts.health import BridgeHealth, Device
from core.contracts.package_key import KeyLink
from core.db import TenantScope
from core.errors import GoldlayerError, TerminalError, TransientError
from core.eventlog import EventLog
from core.identity import BridgeIdentity
from core.log import get_logger
from core.settings import GatewaySettings
from core.tenancy import BridgeStanding
from core.tenancy.fleet import CLOCK_OFF_S
from ingestion.gateway.budget import ByteBudget
from ingestion.gateway.calls import OpenCalls
from ingestion.gateway.check import check_header
from ingestion.gateway.handover import hand_over
from ingestion.gateway.intake import Intake, WasLetIn
from ingestion.gateway.promise import Promise

_GREETING_S = 15.0
_SEEN_EVERY_S = 10.0
_log = get_logger("gateway")


class Register(Protocol):
    """What a session asks the platform; see `ingestion.gateway.register`."""

    async def promise(self, identity: BridgeIdentity, sha256: str) -> Promise | None:
        """What the bridge's site may send under a contract; None if the contract was never registered for it."""
        ...

    async def contract(self, identity: BridgeIdentity, sha256: str) -> DataContract | None:
        """A contract of the bridge's site by its hash; None if the platform never saw it."""

    async def package_keys(self, identity: BridgeIdentity) -> list[KeyLink]:
        """Public keys of the tenant's packages, oldest first; none before there are any."""
        ...

    async def introduce(self, identity: BridgeIdentity, version: str, devices: tuple[Device, ...]) -> None:
        """What a bridge says of itself when it connects."""
        ...

    async def beat(
        self, identity: BridgeIdentity, incarnation: str, health: BridgeHealth, clock_offset_s: float
    ) -> None:
        """A heartbeat, and by how much the bridge's clock is ahead."""
        ...

    async def seen(self, identity: BridgeIdentity, incarnation: str) -> None:
        """The bridge gave a sign of life."""
        ...


class _TurnedAwayError(TerminalError):
    """The bridge gets an `error` message and the socket closes; `retry` says whether to come back by itself."""

    def __init__(self, reason: str, *, retry: bool) -> None:
        super().__init__(reason)
        self.retry = retry


class Session:
    """A signed-in bridge; the key has told who it is, nothing it says can change that."""

    def __init__(
        self,
        socket: ServerConnection,
        identity: BridgeIdentity,
        key_hash: bytes,
        log: EventLog,
        register: Register,
        settings: GatewaySettings,
        budget: ByteBudget,
        was_let_in: WasLetIn | None = None,
    ) -> None:
        self._socket = socket
        self._identity = identity
        self._key_hash = key_hash
        self._log = log
        self._register = register
        self._settings = settings
        self._budget = budget
        self._was_let_in = was_let_in
        self._promises: dict[str, Promise | None] = {}
        self._seen_at = 0.0
        self._intake: Intake | None = None
        self._told = ""
        """The contract the bridge said hello with, or was sent since; empty before it did."""
        self.protocol = 1
        """What was agreed upon with the bridge."""
        self._clock_off = False
        self._facts = {"tenant": identity.tenant.slug, "bridge": identity.bridge_id}
        self.calls = OpenCalls(self._send, lambda: self.protocol >= CALLS_SINCE)
        """What the bridge is asked for."""
        self.welcomed = False

    @property
    def tenant(self) -> TenantScope:
        """Whose bridge it is."""
        return self._identity.tenant

    @property
    def tenant_id(self) -> UUID:
        """Its id."""
        return self._identity.tenant.id

    @property
    def bridge_id(self) -> str:
        """Which one."""
        return self._identity.bridge_id

    @property
    def held(self) -> int:
        """Batches in memory that the log does not have yet."""
        return self._intake.held if self._intake is not None else 0

    async def stand(self, standing: BridgeStanding | None) -> None:
        """Hold the session against what is in force now: a key that was replaced ends it.

        Args:
            standing: of the bridge; None if the tenant has it no more.
        """
        if standing is None or not hmac.compare_digest(standing.key_hash, self._key_hash):
            await self.dismiss("the bridge's key is no longer valid")
        elif self._told and standing.contract_sha256 != self._told:
            await self._tell_contract(standing.contract_sha256)

    async def _tell_contract(self, sha256: str) -> None:
        """Send a contract that took force while the bridge was connected, once."""
        self._told = sha256
        if self.protocol < CONTRACT_SINCE:
            _log.warning("bridge is too old to be sent its new contract", action="contract", **self._facts)
            return
        contract = await self._register.contract(self._identity, sha256)
        if contract is not None:
            _log.info("bridge is sent its new contract", action="contract", version=contract.version, **self._facts)
            with contextlib.suppress(ConnectionClosed):
                await self._send(ContractUpdate(source=contract.source, sha256=sha256))

    def _take_answer(self, answer: ContractAnswer) -> None:
        facts = {"action": "contract", "sha256": answer.sha256[:12], **self._facts}
        if answer.accepted:
            _log.info("bridge takes up the contract", **facts)
        else:
            _log.error("bridge refuses the contract, the one before stays", reason=answer.reason, **facts)

    async def dismiss(self, reason: str) -> None:
        """End the session from outside; the bridge keeps what was not acknowledged and comes back by itself."""
        _log.warning("bridge is turned away", action="refuse", reason=reason, **self._facts)
        await self._leave(reason, retry=True)

    async def run(self) -> None:
        """Serve the bridge until it goes or has to go."""
        try:
            hello = await self._greet()
            self.welcomed = True
            _log.info("bridge is connected", action="connect", **self._facts)
            await self._serve(hello)
        except ConnectionClosed:
            pass
        except _TurnedAwayError as error:
            _log.warning("bridge is turned away", action="refuse", reason=error.what, **self._facts)
            await self._leave(error.what, retry=error.retry)
        except MalformedBatchError as error:
            _log.error("bridge does not keep to the protocol", action="refuse", error=str(error), **self._facts)
            await self._leave(str(error), retry=False)
        except TimeoutError:
            await self._leave("no hello came", retry=True)
        except TransientError as error:
            _log.warning("platform cannot serve the bridge now", action="refuse", error=str(error), **self._facts)
            await self._leave("the platform is busy", retry=True)
        finally:
            self.calls.close()
            _log.info("bridge is gone", action="disconnect", **self._facts)

    async def _greet(self) -> Hello:
        frame = await asyncio.wait_for(self._socket.recv(), _GREETING_S)
        hello = parse_message(frame) if isinstance(frame, str) else None
        if not isinstance(hello, Hello):
            raise MalformedBatchError("first message is not hello")
        try:
            self.protocol = agree(hello.spoken)
        except NoCommonProtocolError as error:
            raise _TurnedAwayError(error.sentence(), retry=False) from error
        if hello.site != self._identity.site or hello.bridge != self._identity.bridge_id:
            raise _TurnedAwayError(
                f"this key is for bridge {self._identity.bridge_id!r} of site {self._identity.site!r}, "
                f"not {hello.bridge!r} of {hello.site!r}",
                retry=False,
            )
        if not hello.incarnation or "/" in hello.incarnation:
            raise MalformedBatchError("hello names no incarnation", received=hello.incarnation)
        if await self._promise_of(hello.contract_sha256) is None:
            raise _TurnedAwayError(
                f"contract {hello.contract_id} {hello.contract_version} ({hello.contract_sha256[:12]}) is not "
                f"registered for site {hello.site}: run `platform contract activate FILE --tenant "
                f"{self._facts['tenant']} --site {hello.site}` on the platform",
                retry=False,
            )
        self._flag_clock(hello.sent_at)
        self._told = hello.contract_sha256
        await self._note_sign_of_life(hello.incarnation)
        await self._register.introduce(self._identity, hello.version, hello.devices)
        await self._send(Welcome(protocol=self.protocol, credit=self._settings.credit, tenant=self._facts["tenant"]))
        return hello

    async def _serve(self, hello: Hello) -> None:
        intake = self._intake = Intake(
            self._identity.tenant.slug,
            self._log,
            self._promise_of,
            self._send,
            max_batch_bytes=self._settings.max_batch_bytes,
            credit=self._settings.credit,
            budget=self._budget,
            was_let_in=self._was_let_in,
        )
        # While the log is slow nobody reads the socket, so that its end has to be looked for beside that.
        parts = (intake.run(), self._receive(hello, intake), self._socket.wait_closed())
        tasks = [asyncio.create_task(part) for part in parts]
        beside = asyncio.create_task(self._hand_over_keys())
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            tasks.append(beside)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            intake.close()

    async def _hand_over_keys(self) -> None:
        """Tell the bridge whose packages to trust; one that trusts another key already says so, and keeps it."""
        try:
            answer = await hand_over(self.calls, await self._register.package_keys(self._identity))
        except GoldlayerError as error:
            _log.warning("keys for packages were not handed over", action="package", error=str(error), **self._facts)
            return
        if answer is not None and answer.outcome is CallOutcome.REFUSED:
            _log.error("bridge refuses the key for packages", action="package", reason=answer.message, **self._facts)

    async def _receive(self, hello: Hello, intake: Intake) -> None:
        async for frame in self._socket:
            if isinstance(frame, str):
                message = parse_message(frame)
                if isinstance(message, ToolAnswer):
                    self.calls.answered(message)
                elif isinstance(message, Heartbeat):
                    await self._keep_beat(hello.incarnation, message)
                elif isinstance(message, ContractAnswer):
                    self._take_answer(message)
                else:
                    raise MalformedBatchError("bridge sends what only a gateway says", received=message.type)
            else:
                header, payload = unpack_frame(frame)
                kind = check_header(
                    header,
                    bridge=self._identity.bridge_id,
                    incarnation=hello.incarnation,
                    site=self._identity.site,
                )
                await intake.take(header, kind, payload)
            await self._note_sign_of_life(hello.incarnation)

    async def _promise_of(self, sha256: str) -> Promise | None:
        """Batches in flight may still follow a contract that was superseded, so each hash is looked up, once."""
        if sha256 not in self._promises:
            self._promises[sha256] = await self._register.promise(self._identity, sha256)
        return self._promises[sha256]

    async def _note_sign_of_life(self, incarnation: str) -> None:
        now = asyncio.get_running_loop().time()
        if self._seen_at and now - self._seen_at < _SEEN_EVERY_S:
            return
        self._seen_at = now
        try:
            await self._register.seen(self._identity, incarnation)
        except TransientError as error:
            _log.warning("sign of life was not noted", action="heartbeat", error=str(error), **self._facts)

    async def _keep_beat(self, incarnation: str, beat: Heartbeat) -> None:
        """The platform's memory of a heartbeat may fail; what the bridge sends is taken all the same."""
        ahead_s = self._flag_clock(beat.sent_at)
        if beat.health is None:
            await self._note_sign_of_life(incarnation)
            return
        try:
            await self._register.beat(self._identity, incarnation, beat.health, ahead_s)
            self._seen_at = asyncio.get_running_loop().time()
        except TransientError as error:
            _log.warning("heartbeat was not kept", action="heartbeat", error=str(error), **self._facts)

    def _flag_clock(self, sent_at: str) -> float:
        """By how many seconds the bridge's clock is ahead; said once when it goes wrong, and once when it is right."""
        try:
            ahead = (datetime.fromisoformat(sent_at) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError) as error:
            said = {"expected": "ISO 8601 with zone", "received": sent_at}
            raise MalformedBatchError("message says no time", **said) from error
        off = abs(ahead) > CLOCK_OFF_S
        if off != self._clock_off:
            say = _log.warning if off else _log.info
            told = "clock of the bridge is off" if off else "clock of the bridge is right again"
            say(told, action="clock", ahead_s=round(ahead, 1), **self._facts)
        self._clock_off = off
        return ahead

    async def _send(self, message: BaseModel) -> None:
        await self._socket.send(message.model_dump_json())

    async def _leave(self, reason: str, *, retry: bool) -> None:
        with contextlib.suppress(ConnectionClosed, GoldlayerError):
            await self._send(Error(reason=reason, retry=retry))
        await self._socket.close(1008, reason[:100])
