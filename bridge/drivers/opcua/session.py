"""A session whose publish responses keep their data changes as they came, to be read many at a time."""

from __future__ import annotations

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


def use_raw_changes(client: Client) -> None:
    """Give a client that has not connected yet such a session."""
    client.uaclient.session = PublishSession(client.uaclient)
    client.nodes = Shortcuts(client.uaclient.session)


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
