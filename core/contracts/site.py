"""The site file: what stands on a site, where its values are read, and where a recording of it lies.

One file a site. The bridge reads equipment, addresses and polling; only the replay reads `recording` and
`signals[].column`; only provisioning reads `tenant`; only the demo reads `questions`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from core.contracts.device import ModbusOptions, OpcuaOptions
from core.contracts.equipment import Equipment, Signal, Unit, expand
from core.contracts.recording import Recording
from core.contracts.units import read_unit
from core.contracts.writing import missing_interlock
from core.errors import InputError

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$")]
_POLL_S = 1.0


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Poll(_Model):
    """How often a polled site is read."""

    interval_s: float | None = Field(default=None, ge=0)
    """Unset: every second, or as fast as it answers if the site is a recording, which waits for its reader."""


class Clock(_Model):
    """Registers that hold the source's time of one machine, beside its values."""

    address: str
    unit: Literal["us", "ms", "s"] = "us"
    """What the clock counts since the epoch, UTC."""


class SiteFile(_Model):
    """A whole site."""

    tenant: Slug
    tenant_name: str | None = None
    site: Slug
    site_name: str | None = None
    protocol: Literal["opcua", "modbus"]
    timezone: str = "UTC"
    endpoint: str | None = None
    """`opc.tcp://host:port/path`, `modbus://host:port`, `modbus-rtu:///dev/line`; the replay fills it in."""
    poll: Poll = Poll()
    clock: Clock | None = None
    modbus: ModbusOptions | None = None
    opcua: OpcuaOptions | None = None
    contract: str | None = None
    """Contract file beside this one; unset means `<site>.contract.yaml`."""
    recording: Recording | None = None
    equipment: tuple[Equipment, ...] = Field(min_length=1)
    questions: tuple[str, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {value!r}") from error
        return value

    @model_validator(mode="after")
    def _options_fit_the_protocol(self) -> SiteFile:
        signals = [signal for entry in self.equipment for signal in entry.signals]
        foreign = {
            "opcua": {"clock": self.clock, "modbus": self.modbus},
            "modbus": {
                "opcua": self.opcua,
                "deadband": next((one for one in signals if one.deadband), None),
                "element": next((one for one in signals if one.element is not None), None),
            },
        }[self.protocol]
        for key, said in foreign.items():
            if said is not None:
                raise ValueError(f"{key!r} is not for the protocol {self.protocol}")
        if self.recording is not None:
            if any(entry.endpoint for entry in self.equipment):
                raise ValueError("a recording is served by one replay: `endpoint` of a machine cannot apply")
            as_it_is = (1.0, 0.0, None, None)
            for one in signals:
                if one.write is not None:
                    raise ValueError(f"a recording cannot be written: `write` of {one.name!r} cannot apply")
                if (one.scale, one.offset, one.element, one.deadband) != as_it_is:
                    raise ValueError(
                        "a recording is served as it is: scale, offset, element or deadband"
                        f" of {one.name!r} cannot apply"
                    )
        return self

    @property
    def contract_name(self) -> str:
        """File name of the site's contract."""
        return self.contract or f"{self.site}.contract.yaml"

    @property
    def poll_interval_s(self) -> float:
        """Seconds from one reading of a polled site to the next; 0 is as fast as it answers."""
        if self.poll.interval_s is not None:
            return self.poll.interval_s
        return _POLL_S if self.recording is None else 0.0

    def signal(self, equipment_id: str, name: str) -> Signal | None:
        """One signal of one machine; None if the site has no such."""
        unit = next((one for one in self.units() if one.id == equipment_id), None)
        return next((one for one in unit.signals if one.name == name), None) if unit is not None else None

    def units(self) -> list[Unit]:
        """Every machine of the site, ranges written out, in file order."""
        return [unit for entry in self.equipment for unit in expand(entry)]

    def measured(self) -> SiteFile:
        """The site as its devices know it: without derived signals, and without machines that have no others.

        Raises:
            InputError: nothing is left.
        """
        kept = [
            entry.model_copy(update={"signals": tuple(one for one in entry.signals if not one.derived)})
            for entry in self.equipment
        ]
        kept = [entry for entry in kept if entry.signals]
        if not kept:
            raise InputError(
                "site has derived signals only", expected="a signal that a device has", where=f"site {self.site}"
            )
        return self.model_copy(update={"equipment": tuple(kept)})

    def derived(self) -> dict[tuple[str, str], Signal]:
        """Signals that no device has, by (equipment, signal)."""
        return {(unit.id, one.name): one for unit in self.units() for one in unit.signals if one.derived}

    def without_device(self) -> list[Equipment]:
        """Entries whose machines have an endpoint neither of their own nor of the site."""
        return [] if self.endpoint is not None else [entry for entry in self.equipment if entry.endpoint is None]

    def by_endpoint(self) -> list[SiteFile]:
        """The site once for each endpoint, with the machines behind it; in the order in which endpoints appear."""
        found: dict[str | None, list[Equipment]] = {}
        for entry in self.equipment:
            found.setdefault(entry.endpoint or self.endpoint, []).append(entry)
        return [
            self.model_copy(update={"endpoint": endpoint, "equipment": tuple(entries)})
            for endpoint, entries in found.items()
        ]

    def signals_of_type(self) -> dict[str, dict[str, Signal]]:
        """Signals of each equipment type by name; the first mention of a signal wins."""
        found: dict[str, dict[str, Signal]] = {}
        for entry in self.equipment:
            for signal in entry.signals:
                found.setdefault(entry.type, {}).setdefault(signal.name, signal)
        return found


def load_site(path: Path) -> tuple[SiteFile, list[str]]:
    """Read one site file.

    Returns:
        The site, units spelled as the product writes them, and warnings to show.

    Raises:
        InputError: the file cannot be read, is not YAML, or does not fit the form.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError("site file cannot be read", received=error.strerror, where=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            "site file is not YAML", received=" ".join(str(error).split())[:160], where=str(path)
        ) from error
    try:
        site = SiteFile.model_validate(raw)
        units = site.units()
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        unknown = first["type"] == "extra_forbidden"
        raise InputError(
            f"unknown key {key!r}" if unknown else f"{key!r} is wrong",
            expected="a key of the site file form (docs/sites.md)" if unknown else first["msg"],
            received=None if isinstance(first["input"], dict) else first["input"],
            where=str(path),
            next_step="correct the site file",
        ) from error
    ids = [unit.id for unit in units]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise InputError("equipment listed twice", received=", ".join(twice), where=str(path))
    missing = missing_interlock({(unit.id, one.name): one.write for unit in units for one in unit.signals})
    if missing is not None:
        raise InputError("an interlock names no signal of the site", received=missing, where=str(path))
    if site.opcua is not None:
        site = site.model_copy(update={"opcua": site.opcua.beside(path.parent)})
    return _with_read_units(site, str(path))


def _with_read_units(site: SiteFile, where: str) -> tuple[SiteFile, list[str]]:
    warnings: list[str] = []
    equipment: list[Equipment] = []
    for entry in site.equipment:
        signals: list[Signal] = []
        for signal in entry.signals:
            unit, warning = read_unit(signal.unit, signal=signal.name, where=where)
            warnings.extend([warning] if warning else [])
            signals.append(signal.model_copy(update={"unit": unit}))
        equipment.append(entry.model_copy(update={"signals": tuple(signals)}))
    return site.model_copy(update={"equipment": tuple(equipment)}), warnings


def site_files(folder: Path) -> list[Path]:
    """Every site file of a folder, sorted by name.

    Raises:
        InputError: the folder does not exist or holds none.
    """
    if not folder.is_dir():
        raise InputError("no such folder of sites", where=str(folder), next_step="name a folder with site files")
    found = sorted(p for p in folder.glob("*.yaml") if not p.name.endswith(".contract.yaml"))
    if not found:
        raise InputError(
            "no site file in the folder",
            expected="at least one *.yaml beside its recording",
            where=str(folder),
            next_step="write one as docs/sites.md shows",
        )
    return found
