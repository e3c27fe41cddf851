"""Data contracts as documents: Open Data Contract Standard 3.1, with what the edge needs under `customProperties`.

Schema objects are equipment types, properties are signals. A signal that is not listed stays on site.
Per property the edge understands the custom properties

* `unit`: unit of the value that leaves;
* `forward`: false if the signal leaves only as windows (default true);
* `deadband`: `{absolute: x}` or `{percent: x}`, against the value last forwarded;
* `sampling`: ISO 8601 duration, at most one value forwarded in it;
* `windows`: list of `{every: <ISO 8601 duration>, aggregates: [...], lateness: <duration>}` of `mean`,
  `time_weighted_mean`, `min`, `max`, `last`, `count`.

and at contract level `rules`: edge rules, see `core.contracts.data_contract.Rule`.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import TypeAdapter, ValidationError

from core.contracts.data_contract import DataContract, Deadband, Rule, SignalContract, Window
from core.contracts.duration import parse_duration
from core.contracts.site import SiteFile
from core.contracts.units import convert_factor
from core.errors import InputError

_WINDOWS: TypeAdapter[tuple[Window, ...]] = TypeAdapter(tuple[Window, ...])
_RULES: TypeAdapter[tuple[Rule, ...]] = TypeAdapter(tuple[Rule, ...])
_NUMERIC = ("number", "integer")
_SIGNAL_KEYS = {"unit", "forward", "deadband", "sampling", "windows"}
_TOP_KEYS = {
    "apiVersion",
    "kind",
    "id",
    "name",
    "version",
    "status",
    "tenant",
    "domain",
    "description",
    "tags",
    "schema",
    "customProperties",
    "servers",
    "support",
    "team",
    "roles",
    "slaProperties",
    "price",
    "authoritativeDefinitions",
    "dataProduct",
    "contractCreatedTs",
}


def parse_contract(text: str, *, where: str) -> DataContract:
    """Read a contract.

    Raises:
        InputError: it is not YAML, not ODCS 3.1, or has a key the edge does not know.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError("contract is not YAML", received=" ".join(str(error).split())[:160], where=where) from error
    if not isinstance(raw, dict):
        raise InputError("contract is empty", expected="an ODCS 3.1 document", where=where)
    document = cast("dict[str, Any]", raw)
    for key, wanted in (("kind", "DataContract"), ("apiVersion", "v3.1.0")):
        if document.get(key) != wanted:
            raise InputError(f"`{key}` is wrong", expected=wanted, received=document.get(key), where=where)
    unknown = sorted(set(document) - _TOP_KEYS)
    if unknown:
        raise InputError(f"unknown key {unknown[0]!r}", expected="a key of ODCS 3.1", where=where)
    for key in ("id", "version", "schema"):
        if key not in document:
            raise InputError(f"`{key}` is missing", where=where)
    try:
        signals = {
            (entry["name"], prop["name"]): _signal(entry["name"], prop, where)
            for entry in document["schema"]
            for prop in entry.get("properties", [])
        }
        rules = _RULES.validate_python(_custom(document).get("rules", []))
    except ValidationError as error:
        raise _first_problem(error, where) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError("contract schema is not shaped as ODCS asks", received=str(error), where=where) from error
    return DataContract(
        id=str(document["id"]),
        version=str(document["version"]),
        source=text,
        signals=signals,
        rules=rules,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _custom(node: dict[str, Any]) -> dict[str, Any]:
    return {item["property"]: item["value"] for item in node.get("customProperties", [])}


def _first_problem(error: ValidationError, where: str) -> InputError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return InputError(f"{key!r} is wrong", expected=first["msg"], received=first["input"], where=where)


def _signal(equipment_type: str, prop: dict[str, Any], where: str) -> SignalContract:
    custom = _custom(prop)
    place = f"{where}, {equipment_type}.{prop['name']}"
    unknown = sorted(set(custom) - _SIGNAL_KEYS)
    if unknown:
        raise InputError(
            f"unknown custom property {unknown[0]!r}", expected=", ".join(sorted(_SIGNAL_KEYS)), where=place
        )
    options = cast("dict[str, Any]", prop.get("logicalTypeOptions", {}))
    try:
        sampling = parse_duration(custom["sampling"]) // timedelta(microseconds=1) if "sampling" in custom else None
    except ValueError as error:
        raise InputError(
            "`sampling` is wrong", expected="an ISO 8601 duration", received=str(error), where=place
        ) from error
    try:
        return SignalContract(
            equipment_type=equipment_type,
            signal=prop["name"],
            unit=str(custom.get("unit", "1")),
            forward=bool(custom.get("forward", True)),
            deadband=Deadband.model_validate(custom["deadband"]) if "deadband" in custom else None,
            sampling_us=sampling,
            windows=_WINDOWS.validate_python(custom.get("windows", [])),
            minimum=options.get("minimum"),
            maximum=options.get("maximum"),
            description=prop.get("description"),
            numeric=prop.get("logicalType") in _NUMERIC,
        )
    except ValidationError as error:
        raise _first_problem(error, place) from error


def read_contract(path: Path) -> DataContract:
    """Read a contract's file.

    Raises:
        InputError: unreadable or malformed.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError("contract cannot be read", received=reason, where=str(path)) from error
    return parse_contract(text, where=str(path))


def load_contract(path: Path, site: SiteFile) -> DataContract:
    """Read a site's contract and hold it against the site.

    Raises:
        InputError: unreadable, malformed, or it names equipment types, signals or units the site does not have.
    """
    contract = read_contract(path)
    check_against_site(contract, site, where=str(path))
    return contract


def check_against_site(contract: DataContract, site: SiteFile, *, where: str) -> None:
    """Every signal the contract and its rules name exists on the site, in a unit that converts.

    Raises:
        InputError: the first that does not.
    """
    known = site.signals_of_type()
    named = [*contract.signals, *((rule.equipment_type, rule.signal) for rule in contract.rules)]
    for equipment_type, signal in named:
        if equipment_type not in known:
            raise InputError(
                f"contract names an unknown equipment type {equipment_type!r}",
                expected=", ".join(sorted(known)),
                where=where,
                next_step="correct the contract or the site file",
            )
        if signal not in known[equipment_type]:
            raise InputError(
                f"contract names an unknown signal {signal!r} of {equipment_type}",
                expected=", ".join(sorted(known[equipment_type])),
                where=where,
                next_step="correct the contract or the site file",
            )
    for (equipment_type, signal), promise in contract.signals.items():
        convert_factor(known[equipment_type][signal].unit, promise.unit)


def permissive_contract(site: SiteFile) -> str:
    """ODCS text that forwards every signal of a site unchanged; for a site that comes without a contract."""
    schema: list[dict[str, Any]] = []
    for equipment_type, signals in site.signals_of_type().items():
        properties = [
            # Without a logical type: nobody has said whether the signal speaks in numbers or in words.
            {"name": signal.name, "customProperties": [{"property": "unit", "value": signal.unit}]}
            for signal in signals.values()
        ]
        schema.append({"name": equipment_type, "logicalType": "object", "properties": properties})
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"{site.site}-readings",
        "name": f"Readings of {site.site_name or site.site}",
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": "Written because the site came without a contract: forwards every signal."},
        "schema": schema,
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
