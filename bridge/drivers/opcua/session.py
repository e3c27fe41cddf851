"""A client whose publish responses keep their data changes as they came, and that waits for a server that is slow."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_session import UaSession
from asyncua.common.shortcuts import Shortcuts
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import (
    Primitives,
    extensionobject_from_binary,
    from_binary,
    nodeid_from_binary,
    struct_from_binary,
)
from asyncua.ua.uaerrors import UaStructParsingError

_DATA_CHANGE = ua.NodeId(ua.Int32(ObjectIds.DataChangeNotification_Encoding_DefaultBinary))
_BINARY_BODY = 0x01


@dataclass(frozen=True, slots=True)
class RawChanges:
    """A DataChangeNotification nobody has read yet."""

    body: bytes


class PublishSession(UaSession):
    """The library's session; in place of a data change notification a response holds `RawChanges`."""

    async def publish(self, acks: list[ua.SubscriptionAcknowledgement]) -> ua.PublishResponse:
        """Ask for the next notification; waits for it."""
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = acks
        data = await self._send_request(request, timeout=0)
        try:
            return read_response(data)
        except Exception as error:
            # What the loop that calls this expects of a response that is none.
            raise UaStructParsingError from error

    async def translate(self, paths: list[ua.BrowsePath], timeout_s: float) -> list[ua.BrowsePathResult]:
        """Node ids of browse paths; the library would wait for them no longer than for anything else."""
        request = ua.TranslateBrowsePathsToNodeIdsRequest()
        request.Parameters.BrowsePaths = paths
        data = await self._send_request(request, timeout=timeout_s)
        response = struct_from_binary(ua.TranslateBrowsePathsToNodeIdsResponse, data)
        response.ResponseHeader.ServiceResult.check()
        return response.Results


class PatientClient(Client):
    """The library's client with that session."""

    def __init__(self, endpoint: str, request_timeout_s: float, probe_interval_s: float) -> None:
        super().__init__(endpoint, request_timeout_s, probe_interval_s)
        self.session = PublishSession(self.uaclient)
        self.uaclient.session = self.session
        self.nodes = Shortcuts(self.session)
        self._at_work = False

    @contextmanager
    def patience(self) -> Generator[None]:
        """Many a server answers nothing else while it works on something long; that alone does not make it lost."""
        self._at_work = True
        try:
            yield
        finally:
            self._at_work = False

    async def _wait_for_health_signal(self) -> None:
        try:
            await super()._wait_for_health_signal()
        except TimeoutError:
            if not self._at_work:
                raise


def read_response(data: Buffer) -> ua.PublishResponse:
    """Read a response up to its notifications; results of acknowledgements behind them are nobody's business.

    Raises:
        ua.UaError: it is cut off.
    """
    response = ua.PublishResponse(
        TypeId=nodeid_from_binary(data), ResponseHeader=struct_from_binary(ua.ResponseHeader, data)
    )
    result = response.Parameters
    result.SubscriptionId = Primitives.UInt32.unpack(data)
    result.AvailableSequenceNumbers = [Primitives.UInt32.unpack(data) for _ in range(Primitives.Int32.unpack(data))]
    result.MoreNotifications = Primitives.Boolean.unpack(data)
    message = result.NotificationMessage
    message.SequenceNumber = Primitives.UInt32.unpack(data)
    message.PublishTime = from_binary(ua.DateTime, data)
    message.NotificationData = [_notification(data) for _ in range(Primitives.Int32.unpack(data))]
    return response


def _notification(data: Buffer) -> Any:
    ahead = data.copy()
    kind = nodeid_from_binary(ahead)
    encoding = Primitives.Byte.unpack(ahead)
    if kind == _DATA_CHANGE and encoding == _BINARY_BODY:
        length = Primitives.Int32.unpack(ahead)
        if length >= 0:
            data.skip(len(data) - len(ahead))
            return RawChanges(data.read(length))
    return extensionobject_from_binary(data)
