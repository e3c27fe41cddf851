"""One connection, and the one door to the Modbus library: TCP, a serial line, or a serial line behind TCP."""

from __future__ import annotations

import logging
import termios
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from bridge.driver import DeviceLostError
from bridge.drivers.modbus.address import BIT, BIT_TABLES, ModbusAddress
from bridge.drivers.modbus.plan import Read
from bridge.drivers.modbus.profiles import EXCEPTIONS, SILENT, UNKNOWN_EXCEPTION, Meaning
from core.contracts.device import SerialLine
from core.errors import InputError

_PATIENCE = 1_000_000_000
"""Unanswered requests after which the library would hang up: one silent unit must not cost the others the line."""
_PARITY = {"even": "E", "odd": "O", "none": "N"}
_FORMS = "modbus://HOST[:PORT], modbus-rtu:///dev/LINE or modbus-rtu://HOST:PORT"


class Refusal(Exception):
    """A unit answered with an exception, or not at all."""

    def __init__(self, meaning: Meaning) -> None:
        super().__init__(meaning.name)
        self.meaning = meaning


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a device is reached.

    Attributes:
        text: as the site file has it.
        host: None on a serial line of this machine.
        port: TCP port.
        device: file of the serial line.
        rtu: frames are those of a serial line.
        line: settings of the serial line.
    """

    text: str
    host: str | None
    port: int
    device: str
    rtu: bool
    line: SerialLine

    @classmethod
    def of_text(cls, text: str | None, line: SerialLine | None, where: str) -> Self:
        """Read the endpoint of a site file.

        Raises:
            InputError: it is written otherwise, or a serial line is described where there is none.
        """
        parts = urlsplit(text or "")
        rtu = parts.scheme == "modbus-rtu"
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if rtu and not parts.netloc and len(parts.path) > 1:
            return cls(text or "", None, 0, parts.path, rtu, line or SerialLine())
        bare = not parts.path.strip("/") and not parts.query and not parts.username
        if parts.scheme not in ("modbus", "modbus-rtu") or not host or not bare or (rtu and port is None):
            raise InputError("endpoint cannot be read", expected=_FORMS, received=text, where=where)
        if line is not None:
            raise InputError(
                "a serial line is described where there is none",
                expected="`modbus.serial` with an endpoint modbus-rtu:///dev/LINE",
                received=text,
                where=where,
                next_step="remove `modbus.serial` or correct `endpoint`",
            )
        return cls(text or "", host, port or 502, "", rtu, SerialLine())


class Link:
    """Asks one request after the other."""

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        self._endpoint = endpoint
        self._client = _client(endpoint, timeout_s)
        self._client.set_max_no_responses(_PATIENCE)
        # The library logs every lost connection; the runner says it once, in one line.
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

    async def open(self) -> None:
        """Connect.

        Raises:
            DeviceLostError: nobody listens, or the line cannot be opened.
        """
        try:
            reached, reason = await self._client.connect(), None
        except (OSError, ValueError, termios.error) as error:
            reached, reason = False, str(error)
        if not reached:
            self.close()
            raise DeviceLostError("device cannot be reached", received=reason, where=self._endpoint.text)

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return bool(self._client.connected)

    async def ask(self, read: Read) -> list[int]:
        """Words, or bits, of one read.

        Raises:
            Refusal: the unit refuses, or does not answer in time.
            DeviceLostError: the connection is gone.
        """
        client, layout = self._client, read.layout
        call = {
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
        }[read.table]
        self._check_connected()
        try:
            answer = await call(layout.start, count=layout.count, device_id=read.device_id)
        except (ModbusException, OSError) as error:
            raise self._unanswered(error) from error
        words = list(map(int, answer.bits)) if read.table in BIT_TABLES else list(answer.registers)
        self._check(answer)
        if len(words) < layout.count or (read.table not in BIT_TABLES and len(words) > layout.count):
            raise DeviceLostError("device answers with a broken frame", received=str(answer), where=self._endpoint.text)
        return words[: layout.count]

    async def tell(self, address: ModbusAddress, words: Sequence[int]) -> None:
        """Write registers, or a coil.

        Raises:
            Refusal: as `ask`.
            DeviceLostError: as `ask`.
        """
        self._check_connected()
        place, unit = address.register, address.device_id
        try:
            if address.type == BIT:
                answer = await self._client.write_coil(place, bool(words[0]), device_id=unit)
            else:
                answer = await self._client.write_registers(place, list(words), device_id=unit)
        except (ModbusException, OSError) as error:
            raise self._unanswered(error) from error
        self._check(answer)

    def _check_connected(self) -> None:
        if not self.connected:
            raise DeviceLostError("connection to the device is lost", where=self._endpoint.text)

    def _unanswered(self, error: Exception) -> Exception:
        """A unit that keeps silent while the connection stands, or the end of the connection."""
        if self.connected:
            return Refusal(SILENT)
        return DeviceLostError("device does not answer", received=str(error), where=self._endpoint.text)

    @staticmethod
    def _check(answer: ModbusPDU) -> None:
        if isinstance(answer, ExceptionResponse):
            raise Refusal(EXCEPTIONS.get(answer.exception_code, UNKNOWN_EXCEPTION))

    def close(self) -> None:
        """Hang up."""
        self._client.close()


def _client(endpoint: Endpoint, timeout_s: float) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
    if endpoint.host is not None:
        framer = FramerType.RTU if endpoint.rtu else FramerType.SOCKET
        return AsyncModbusTcpClient(
            endpoint.host, port=endpoint.port, framer=framer, timeout=timeout_s, retries=0, reconnect_delay=0
        )
    line = endpoint.line
    return AsyncModbusSerialClient(
        endpoint.device,
        framer=FramerType.RTU,
        baudrate=line.baud_rate,
        bytesize=line.data_bits,
        parity=_PARITY[line.parity],
        stopbits=line.stop_bits,
        timeout=timeout_s,
        retries=0,
        reconnect_delay=0,
    )
