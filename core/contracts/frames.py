"""What bridge and gateway say to each other over the one socket.

Text frames are JSON messages with a `type`; a binary frame is a batch: unsigned 32-bit little-endian length of the
JSON header, the header, the payload.

bridge -> gateway: `hello`, `heartbeat`, binary batches. gateway -> bridge: `welcome`, `ack`, `refused`, `error`.
Both ways: tool calls, see `core.contracts.calls`.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.contracts.batch import BatchHeader, MalformedBatchError
from core.contracts.calls import ToolAnswer, ToolCall, ToolCancel
from core.contracts.health import MOST_DEVICES, BridgeHealth, Device, Text

PROTOCOL_VERSION = 1
_LENGTH = struct.Struct("<I")


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hello(_Message):
    """First message of a bridge: who it is, what it reads, and under which contract it will send."""

    type: Literal["hello"] = "hello"
    protocol: int = PROTOCOL_VERSION
    bridge: str
    incarnation: str
    site: str
    contract_id: str
    contract_version: str
    contract_sha256: str
    sent_at: str
    version: Text = ""
    devices: tuple[Device, ...] = Field((), max_length=MOST_DEVICES)


class Heartbeat(_Message):
    """Sign of life with the bridge's own view of itself."""

    type: Literal["heartbeat"] = "heartbeat"
    sent_at: str
    health: BridgeHealth


class Welcome(_Message):
    """The gateway accepts the bridge; `credit` batches may be unacknowledged at once."""

    type: Literal["welcome"] = "welcome"
    protocol: int = PROTOCOL_VERSION
    credit: int
    tenant: str


class Ack(_Message):
    """The log has every batch of the lane up to and including `seq`; the bridge may delete them."""

    type: Literal["ack"] = "ack"
    incarnation: str
    lane: str
    seq: int


class Refused(_Message):
    """A batch was refused for good and quarantined; it is acknowledged as well."""

    type: Literal["refused"] = "refused"
    lane: str
    seq: int
    reason: str


class Error(_Message):
    """Why the gateway will close the connection, and what to do."""

    type: Literal["error"] = "error"
    reason: str
    retry: bool


Message = Annotated[
    Hello | Heartbeat | Welcome | Ack | Refused | Error | ToolCall | ToolCancel | ToolAnswer,
    Field(discriminator="type"),
]
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)


def parse_message(text: str) -> Message:
    """One text frame.

    Raises:
        MalformedBatchError: the text is not one of the messages above.
    """
    try:
        return _MESSAGE.validate_json(text)
    except ValidationError as error:
        raise MalformedBatchError("frame is not a message of this protocol", received=text[:200]) from error


def pack_frame(header: BatchHeader, payload: bytes) -> bytes:
    """A binary frame."""
    head = json.dumps(asdict(header)).encode()
    return b"".join((_LENGTH.pack(len(head)), head, payload))


def unpack_frame(frame: bytes) -> tuple[BatchHeader, bytes]:
    """Header and payload of a binary frame.

    Raises:
        MalformedBatchError: the frame is cut off or its header is not one.
    """
    try:
        (length,) = _LENGTH.unpack_from(frame)
        head = json.loads(frame[_LENGTH.size : _LENGTH.size + length])
        header = BatchHeader(**head)
    except (struct.error, ValueError, TypeError) as error:
        raise MalformedBatchError("binary frame is not a batch", received=str(error)[:200]) from error
    return header, bytes(frame[_LENGTH.size + length :])
