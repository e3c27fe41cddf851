"""What one site may send under one contract: default is withhold."""

from __future__ import annotations

from dataclasses import dataclass

from core.contracts.data_contract import DataContract
from core.contracts.reading import WITHHELD_SIGNAL
from core.contracts.site import SiteFile

Names = dict[str, frozenset[str]]
"""Allowed names by equipment id; machines of one type share a set."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A contract, written out for the machines of a site.

    Attributes:
        site: the site.
        contract_id: contract it comes from.
        contract_version: its version.
        signals: signals that may leave, windows included.
        faults: fault codes that may leave: those of the edge rules.
        counted: names the books may use: contracted signals, windows, rules, and `*` for all withheld ones.
    """

    site: str
    contract_id: str
    contract_version: str
    signals: Names
    faults: Names
    counted: Names

    @classmethod
    def of(cls, site: SiteFile, contract: DataContract) -> Promise:
        """The promise of a contract for a site."""
        units = site.units()
        types = {unit.type for unit in units}
        outgoing = {kind: frozenset(contract.outgoing(kind)) for kind in types}
        faults = {kind: frozenset(r.fault_code for r in contract.rules if r.equipment_type == kind) for kind in types}
        counted = {
            kind: outgoing[kind]
            | {signal for owner, signal in contract.signals if owner == kind}
            | {f"rule:{rule.name}" for rule in contract.rules if rule.equipment_type == kind}
            | {WITHHELD_SIGNAL}
            for kind in types
        }
        return cls(
            site=site.site,
            contract_id=contract.id,
            contract_version=contract.version,
            signals={unit.id: outgoing[unit.type] for unit in units},
            faults={unit.id: faults[unit.type] for unit in units},
            counted={unit.id: counted[unit.type] for unit in units},
        )
