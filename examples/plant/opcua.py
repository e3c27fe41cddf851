"""An OPC UA server that replays a recording: source timestamps, status codes and history, at its readers' pace.

Every node shows its first row from the start; the plant holds there until connected clients subscribe to every
signal of the site and are done reading history, and again whenever they are gone. A hole of the recording is a null
with BadNoData. Nothing is written faster than the subscriptions' queues take it, so every row reaches every
subscriber; ask for a queue of at least ten, or the plant moves in small steps.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from core.contracts.addresses import opcua_node_id
from core.contracts.quality import BAD_NO_DATA, GOOD
from core.contracts.reading import to_datetime
from core.errors import InputError
from core.log import get_logger
from examples.plant.cells import Column
from examples.plant.historian import HistorisedSignal, RecordingHistory
from examples.plant.progress import Pace, Progress
from examples.plant.recording import Plant, UnitRecording
from examples.plant.watchers import Watchers

_NAMESPACE = "urn:goldlayer:plant"
_LOOK_S = 0.005
_HOLD_S = 0.05
_QUIET_LOOKS = 5
"""Looks without a history read after which clients are taken to be done: history comes in the order of time, so rows
shown meanwhile would reach them in another order than the recording's."""
_GOOD = ua.StatusCode(ua.UInt32(GOOD))
_NO_DATA = ua.StatusCode(ua.UInt32(BAD_NO_DATA))
_log = get_logger("plant")


class _Frozen(ua.DataValue):
    """A data value nobody changes: asyncua copies every value it queues, which costs more than sending it."""

    __slots__ = ()

    def __deepcopy__(self, memo: object) -> _Frozen:
        return self


@dataclass(slots=True)
class _Tag:
    """One signal of one machine on the server."""

    node_id: ua.NodeId
    recording: UnitRecording
    column: Column
    mixed: bool = field(init=False)
    """Numbers and texts in one column: the node has no fixed data type."""

    def __post_init__(self) -> None:
        self.mixed = 0 < len(self.column.texts) < int(self.column.present.sum())

    @property
    def variant_type(self) -> ua.VariantType:
        return ua.VariantType.String if self.column.texts else ua.VariantType.Double

    def value_at(self, row: int) -> ua.DataValue:
        cell = self.column.at(row)
        moment = cast("ua.DateTime", to_datetime(int(self.recording.ts_us[row])))
        if cell is None:
            return _Frozen(ua.Variant(None, ua.VariantType.Null), _NO_DATA, moment, moment)
        kind = ua.VariantType.String if isinstance(cell, str) else ua.VariantType.Double
        return _Frozen(ua.Variant(cell, kind), _GOOD, moment, moment)


class OpcUaReplay:
    """Serves a plant on one port.

    Args:
        plant: the rows.
        host: address to listen on.
        port: port to listen on.
        speed: recorded seconds in one second; None means as fast as the subscribers take it.
    """

    def __init__(self, plant: Plant, *, host: str = "127.0.0.1", port: int, speed: float | None = None) -> None:
        self._plant = plant
        self.endpoint = f"opc.tcp://{host}:{port}"
        self._pace = Pace(plant.elapsed_s(), speed)
        self._served_until = np.concatenate([[0], np.cumsum(plant.readings_by_step())])
        self._shown = 0
        """Steps whose rows were written; step 0 is on show from the start, but counts once it is subscribed to."""
        self._server = Server()
        self._tags: list[list[_Tag]] = []
        self._history = RecordingHistory({})
        self._watchers: Watchers | None = None
        self._task: asyncio.Task[None] | None = None

    def progress(self) -> Progress:
        """What left the queues of every subscriber."""
        pending = self._watchers.pending() if self._watchers else 0
        served = max(0, self._shown - pending)
        total = self._plant.steps
        return Progress(total, served, self._plant.readings, int(self._served_until[served]), served == total)

    async def start(self) -> None:
        """Listen and replay.

        Raises:
            InputError: the port is taken, or a node address of the site file is not one.
        """
        server = self._server
        with uncollected():
            await server.init()
        server.set_endpoint(self.endpoint)
        server.set_server_name(f"Replay of {self._plant.site.site}")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        await server.register_namespace(_NAMESPACE)
        await self._add_tags()
        self._history = self._recorded()
        server.iserver.history_manager.set_storage(self._history)
        # The library writes a traceback of its own before it raises; the error below says it in one line.
        logging.getLogger("asyncua.server.server").setLevel(logging.CRITICAL)
        try:
            await server.start()
        except OSError as error:
            raise InputError(
                "cannot listen", received=error.strerror, where=self.endpoint, next_step="choose a free port"
            ) from error
        self._watchers = Watchers(server, [tag.node_id for tags in self._tags for tag in tags])
        self._task = asyncio.create_task(self._run(self._watchers))

    async def stop(self) -> None:
        """Stop replaying and listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await self._server.stop()

    async def _add_tags(self) -> None:
        for one in self._plant.units:
            folder = await self._server.nodes.objects.add_object(
                ua.NodeId(ua.String(one.unit.id), ua.Int16(2)), ua.QualifiedName(one.unit.id, 2)
            )
            tags: list[_Tag] = []
            for signal in one.unit.signals:
                node_id = _node_id(signal.address or opcua_node_id(one.unit.id, signal.name))
                tag = _Tag(node_id, one, one.columns[signal.name])
                kind = ObjectIds.BaseDataType if tag.mixed else tag.variant_type.value
                name = ua.QualifiedName(signal.name, 2)
                node = await folder.add_variable(
                    node_id, name, None, ua.VariantType.Null, datatype=ua.NodeId(ua.Int32(kind))
                )
                for attribute in (AttributeIds.AccessLevel, AttributeIds.UserAccessLevel):
                    await node.set_attr_bit(attribute, ua.AccessLevel.HistoryRead)
                await node.write_attribute(AttributeIds.Historizing, ua.DataValue(ua.Variant(True)))
                tags.append(tag)
                await self._write(tag, 0)
            self._tags.append(tags)

    def _recorded(self) -> RecordingHistory:
        def shown(one: UnitRecording):
            return lambda: max(1, min(one.rows, self._shown - one.offset))

        return RecordingHistory(
            {
                tag.node_id: HistorisedSignal(tag.recording.ts_us, tag.value_at, shown(tag.recording))
                for tags in self._tags
                for tag in tags
            }
        )

    async def _write(self, tag: _Tag, row: int) -> None:
        if tag.mixed:  # asyncua keeps a node to the type of its last value; forgetting that value lets it change
            self._server.iserver.aspace.set_attribute_value_callback(
                tag.node_id, AttributeIds.Value, lambda *_: tag.value_at(row)
            )
        await self._server.write_attribute_value(tag.node_id, tag.value_at(row))

    async def _run(self, watchers: Watchers) -> None:
        while self._shown < self._plant.steps:
            if not watchers.cover_everything():
                await self._hold(watchers)
            room = watchers.room()
            if room <= 0:
                await asyncio.sleep(_LOOK_S)
            for _ in range(min(room, self._plant.steps - self._shown)):
                wait_s = self._pace.wait_s(self._shown)
                if wait_s:
                    await asyncio.sleep(min(wait_s, 1.0))
                    break
                await self._show(self._shown)
                await asyncio.sleep(0)
        _log.info("recording is over", action="replay", site=self._plant.site.site, steps=self._shown)

    async def _hold(self, watchers: Watchers) -> None:
        _log.info("holds until every signal is subscribed to", action="replay", site=self._plant.site.site)
        quiet, pages = 0, 0
        while quiet < _QUIET_LOOKS:
            await asyncio.sleep(_HOLD_S)
            still = watchers.cover_everything() and self._history.pages_read == pages
            quiet, pages = (quiet + 1 if still else 0), self._history.pages_read
        await watchers.forget_the_gone()
        self._shown = max(1, self._shown)
        self._pace.restart(self._shown - 1)
        _log.info("runs", action="replay", site=self._plant.site.site, step=self._shown)

    async def _show(self, step: int) -> None:
        for index, row in self._plant.at(step):
            for tag in self._tags[index]:
                await self._write(tag, row)
        self._shown = step + 1


@contextlib.contextmanager
def uncollected() -> Generator[None]:
    """Without the garbage collector, which would look again and again at the standard's thousands of nodes."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _node_id(address: str) -> ua.NodeId:
    try:
        return ua.NodeId.from_string(address)
    except (ValueError, ua.UaError) as error:
        raise InputError(
            "address is not a node id", expected="for example ns=2;s=pump-1/flow", received=address
        ) from error
