"""The link to the gateway: sends what the outbox holds and deletes what the log has, however often the link breaks."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from bridge.answers import LinkLostError, LinkRefusedError, message_of, refusal_of
from bridge.backoff import Backoff, wait_for
from bridge.calls import Calls
from bridge.config import BridgeConfig, is_loopback
from bridge.health import devices_of, version
from bridge.in_force import Contracts
from bridge.outbox import Outbox
from bridge.packages.tools import package_tools
from bridge.rate import Rate
from bridge.store import StoreError
from bridge.threads import in_thread
from bridge.tls import client_context
from core import clock
from core.contracts.calls import ToolCall, ToolCancel
from core.contracts.frames import (
    PROTOCOLS,
    Ack,
    ContractAnswer,
    ContractUpdate,
    Error,
    Heartbeat,
    Hello,
    Refused,
    Welcome,
    pack_frame,
)
from core.contracts.health import BridgeHealth
from core.contracts.lanes import Lane
from core.errors import GoldlayerError
from core.log import get_logger

P = ParamSpec("P")
R = TypeVar("R")
_ACK_INTERVAL_S = 0.1
_STORED_CHECK_S = 0.25
_CLOSE_S = 2.0
_SEND_AHEAD = 64
_BACKLOG_ROWS_IN_FLIGHT = 100_000
"""Rows of the backlog without an answer at which no more are sent: what is live is next in line behind them."""
_ANSWER_S = 15.0
_log = get_logger("bridge")


class Link:
    """What the rest of the bridge sees of the uplink."""

    def __init__(self) -> None:
        self.connected = False


class Uplink:
    """One socket at a time; called from the event loop, the outbox in a thread."""

    def __init__(
        self,
        config: BridgeConfig,
        incarnation: str,
        outbox: Outbox,
        link: Link,
        stored: asyncio.Event,
        health: Callable[[], Awaitable[BridgeHealth]],
        contracts: Contracts,
        calls: Calls | None = None,
    ) -> None:
        self._config, self._incarnation, self._outbox, self._link = config, incarnation, outbox, link
        self._stored, self._health = stored, health
        self._contracts = contracts
        self._announced = ""
        self._down = ""
        """Why there is no link, once that was said."""
        self._calls = calls or Calls({})
        self._tls = client_context(config.gateway, config.settings)
        self._calls.add(package_tools(config.home, config.site, config.bridge_id, config.settings.package_max_bytes))
        self._sent: dict[str, int] = {}
        self._flying: dict[str, dict[int, int]] = {}
        """Rows of what has no answer yet, by lane and number."""
        self._acked: dict[str, int] = {}
        self._refused: list[tuple[str, int]] = []
        self._catchup = Rate(config.settings.catchup_rows_per_s)
        self._news = asyncio.Event()
        self._landed = asyncio.Event()
        self._database = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Stay connected until `stop`; a link that goes is one line, its return another."""
        backoff = Backoff(self._config.settings.reconnect_max_s)
        while not stop.is_set():
            try:
                # It also ends when another contract took force: the next one announces it.
                await self._session(stop, backoff)
            except (LinkLostError, LinkRefusedError) as error:
                with contextlib.suppress(StoreError):  # said by whoever has something to write
                    await self._locked(self._outbox.outage.lost)
                if self._down != type(error).__name__:
                    say = _log.error if isinstance(error, LinkRefusedError) else _log.warning
                    say("link to the gateway is down", action="reconnect", error=str(error))
                self._down = type(error).__name__
                if isinstance(error, LinkRefusedError):
                    await wait_for(stop, self._config.settings.reconnect_max_s)
                else:
                    await backoff.wait(stop)

    async def _session(self, stop: asyncio.Event, backoff: Backoff) -> None:
        host = urlsplit(self._config.gateway).hostname or ""
        self._sent, self._flying, self._acked, self._refused = {}, {}, {}, []
        try:
            async with connect(
                self._config.gateway,
                additional_headers={"Authorization": f"Bearer {self._config.key.get_secret_value()}"},
                ssl=self._tls,
                max_size=1 << 20,
                open_timeout=_ANSWER_S,
                close_timeout=_CLOSE_S,
                proxy=None if is_loopback(host) else True,
            ) as socket:
                credit = await self._greet(socket)
                self._link.connected = True
                backoff.reset()
                await self._locked(self._outbox.outage.back)
                again, self._down = bool(self._down), ""
                _log.info("link to the gateway is up", action="connect", gateway=self._config.gateway, again=again)
                await self._talk(socket, credit, stop)
        except InvalidStatus as error:
            status = error.response.status_code
            if status == 403:
                raise LinkRefusedError(
                    "gateway does not serve this bridge now",
                    received=error.response.body.decode(errors="replace").strip()[:300] or status,
                    where=self._config.gateway,
                    next_step="ask the platform's operator; everything is kept here and sent once it is served again",
                ) from error
            if status == 401:
                raise LinkRefusedError(
                    "gateway refuses the key",
                    where=self._config.gateway,
                    next_step="check --key-file, or register the site",
                ) from error
            raise LinkLostError("gateway answers with an error", received=status, where=self._config.gateway) from error
        except ssl.SSLCertVerificationError as error:
            raise LinkRefusedError(
                "gateway's certificate is not trusted",
                received=error.verify_message,
                where=self._config.gateway,
                next_step="set GOLDLAYER_BRIDGE__GATEWAY_CA to the file of its authority",
            ) from error
        except (OSError, TimeoutError, WebSocketException) as error:
            raise LinkLostError(
                "gateway cannot be reached", received=str(error) or type(error).__name__, where=self._config.gateway
            ) from error
        finally:
            self._link.connected = False

    async def _greet(self, socket: ClientConnection) -> int:
        contract = self._contracts.current
        self._announced = contract.sha256
        hello = Hello(
            protocols=PROTOCOLS,
            bridge=self._config.bridge_id,
            incarnation=self._incarnation,
            site=self._config.site.site,
            contract_id=contract.id,
            contract_version=contract.version,
            contract_sha256=contract.sha256,
            sent_at=_now(),
            version=version(),
            devices=devices_of(self._config.site),
        )
        await socket.send(hello.model_dump_json())
        answer = message_of(await asyncio.wait_for(socket.recv(), _ANSWER_S))
        if isinstance(answer, Error):
            raise refusal_of(answer)
        if not isinstance(answer, Welcome):
            raise LinkLostError("gateway does not welcome", expected="welcome", received=answer.type)
        if answer.protocol not in PROTOCOLS:
            spoken = ", ".join(map(str, PROTOCOLS))
            raise LinkRefusedError(
                "gateway wants a protocol this bridge does not speak",
                expected=spoken,
                received=answer.protocol,
                next_step="update the bridge",
            )
        return answer.credit

    async def _talk(self, socket: ClientConnection, credit: int, stop: asyncio.Event) -> None:
        tasks = [
            asyncio.create_task(one)
            for one in (
                self._send(socket, credit),
                self._receive(socket),
                self._settle(),
                self._beat(socket),
                stop.wait(),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._calls.drop()
            with contextlib.suppress(GoldlayerError):
                await self._delete_acknowledged()

    async def _send(self, socket: ClientConnection, credit: int) -> None:
        """Send what waits, until a contract takes force that the gateway has not been told of."""
        while True:
            self._landed.clear()
            self._stored.clear()
            room = credit - sum(len(numbers) for numbers in self._flying.values())
            if room <= 0:
                await self._landed.wait()
                continue
            batches = await self._locked(
                self._outbox.waiting, dict(self._sent), min(room, _SEND_AHEAD), self._room_for_backlog(credit)
            )
            # Asked after the look: what was stored under another contract was stored after that took force.
            if self._contracts.current.sha256 != self._announced:
                return
            self._catchup.took(sum(batch.rows for batch in batches if _is_backlog(batch.lane)))
            for batch in batches:
                self._sent[batch.lane] = batch.seq
                self._flying.setdefault(batch.lane, {})[batch.seq] = batch.rows
                await socket.send(pack_frame(batch.header, batch.payload))
            if not batches:
                await self._something_to_do()

    async def _something_to_do(self) -> None:
        """Wait until something was stored or answered; what another process stored shows after a moment."""
        waits = [asyncio.create_task(event.wait()) for event in (self._stored, self._landed)]
        try:
            await asyncio.wait(waits, timeout=_STORED_CHECK_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def _room_for_backlog(self, credit: int) -> int:
        """What is live goes first, and the backlog neither fills the credit nor floods what lies behind the gateway."""
        flying = [rows for lane, sent in self._flying.items() if _is_backlog(lane) for rows in sent.values()]
        if self._catchup.allowed() <= 0 or sum(flying) >= _BACKLOG_ROWS_IN_FLIGHT:
            return 0
        return max(credit - credit // 4 - len(flying), 0)

    async def _receive(self, socket: ClientConnection) -> None:
        async for frame in socket:
            match message_of(frame):
                case Ack(incarnation=incarnation, lane=lane, seq=seq) if incarnation == self._incarnation:
                    self._acked[lane] = max(seq, self._acked.get(lane, 0))
                    flying = self._flying.get(lane, {})
                    self._flying[lane] = {number: rows for number, rows in flying.items() if number > seq}
                case Refused(lane=lane, seq=seq, reason=reason):
                    _log.error("gateway refused a batch for good", action="refuse", lane=lane, seq=seq, reason=reason)
                    self._refused.append((lane, seq))
                    self._flying.get(lane, {}).pop(seq, None)
                case Error() as error:
                    raise refusal_of(error)
                case ToolCall() as call:
                    self._calls.take(call, partial(_say, socket))
                    continue
                case ToolCancel(id=call_id):
                    self._calls.cancel(call_id)
                    continue
                case ContractUpdate(source=source, sha256=sha256):
                    reason = await in_thread(self._contracts.offered, source, sha256)
                    answer = ContractAnswer(sha256=sha256, accepted=reason is None, reason=(reason or "")[:1000])
                    await socket.send(answer.model_dump_json())
                    continue
                case _:
                    continue
            self._news.set()
            self._landed.set()
        raise LinkLostError("gateway closed the link", where=self._config.gateway)

    async def _settle(self) -> None:
        """Delete acknowledged batches a few times a second."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._delete_acknowledged()
            await asyncio.sleep(_ACK_INTERVAL_S)

    async def _delete_acknowledged(self) -> None:
        acked, self._acked = self._acked, {}
        refused, self._refused = self._refused, []
        if acked or refused:
            await self._locked(self._outbox.acknowledge, acked, refused)

    async def _locked(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """One database call at a time, in a thread."""
        async with self._database:
            return await in_thread(call, *args, **kwargs)

    async def _beat(self, socket: ClientConnection) -> None:
        while True:
            health = await self._health()
            await socket.send(Heartbeat(sent_at=_now(), health=health).model_dump_json())
            await asyncio.sleep(self._config.settings.heartbeat_interval_s)


async def _say(socket: ClientConnection, text: str) -> None:
    """Send, if anybody is still there."""
    with contextlib.suppress(ConnectionClosed):
        await socket.send(text)


def _is_backlog(lane: str) -> bool:
    return not Lane.parse(lane).live


def _now() -> str:
    return clock.now().isoformat()
