"""What bridge and gateway say to each other over the one socket.

Text frames are JSON messages with a `type`; a binary frame is a batch: unsigned 32-bit little-endian length of the
JSON header, the header, the payload.

bridge -> gateway: `hello`, `heartbeat`, binary batches. gateway -> bridge: `welcome`, `ack`, `refused`, `error`.
From version 2 on: `contract` to the bridge, `contract_answer` back; tool calls, see `core.contracts.calls`.
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
from core.errors import TerminalError

PROTOCOLS = (1, 2)
"""Versions spoken here. Version 2 is version 1 and messages that a bridge of version 1 does not know: whoever sends one
asks first what was agreed upon."""
CONTRACT_SINCE = 2
"""Version from which on a bridge takes a new contract over the socket."""
CALLS_SINCE = 2
"""Version from which on a bridge can be asked, see `core.contracts.calls`."""
_LENGTH = struct.Struct("<I")


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hello(_Message):
    """First message of a bridge: who it is, what it speaks and reads, and under which contract it will send.

    A bridge that names no `protocols` is of version 1 and speaks `protocol` alone.
    """

    type: Literal["hello"] = "hello"
    protocol: int = 1
    protocols: tuple[int, ...] = Field(default=(), max_length=32)
    bridge: str
    incarnation: str
    site: str
    contract_id: str
    contract_version: str
    contract_sha256: str
    sent_at: str
    version: Text = ""
    devices: tuple[Device, ...] = Field((), max_length=MOST_DEVICES)

    @property
    def spoken(self) -> tuple[int, ...]:
        """Every version the bridge speaks."""
        return self.protocols or (self.protocol,)


class Heartbeat(_Message):
    """Sign of life with the bridge's own view of itself, which one of version 1 has only of its backlog."""

    type: Literal["heartbeat"] = "heartbeat"
    sent_at: str
    health: BridgeHealth | None = None
    outbox_batches: int | None = None
    outbox_rows: int | None = None
    device_connected: bool | None = None


class Welcome(_Message):
    """The gateway accepts the bridge and speaks `protocol`; `credit` batches may be unacknowledged at once."""

    type: Literal["welcome"] = "welcome"
    protocol: int = 1
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


class ContractUpdate(_Message):
    """The contract that is in force for the bridge's site by now, word for word; since version 2."""

    type: Literal["contract"] = "contract"
    source: str
    sha256: str


class ContractAnswer(_Message):
    """Whether the bridge takes it up; if so, it says hello again once it has. Since version 2."""

    type: Literal["contract_answer"] = "contract_answer"
    sha256: str
    accepted: bool
    reason: str = ""


Message = Annotated[
    Hello
    | Heartbeat
    | Welcome
    | Ack
    | Refused
    | Error
    | ToolCall
    | ToolCancel
    | ToolAnswer
    | ContractUpdate
    | ContractAnswer,
    Field(discriminator="type"),
]
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)


class NoCommonProtocolError(TerminalError):
    """Bridge and gateway are too far apart in age; the older one has to be updated."""


def agree(bridge: tuple[int, ...], gateway: tuple[int, ...] = PROTOCOLS) -> int:
    """The highest version that both speak.

    Raises:
        NoCommonProtocolError: there is none.
    """
    common = set(bridge) & set(gateway)
    if not common:
        older = "bridge" if max(bridge) < max(gateway) else "gateway"
        here, there = (", ".join(map(str, sorted(versions))) for versions in (gateway, bridge))
        raise NoCommonProtocolError(
            "bridge and gateway have no protocol in common",
            expected=f"{here} of the gateway",
            received=f"{there} of the bridge",
            next_step=f"update the {older}",
        )
    return max(common)


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
