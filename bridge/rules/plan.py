"""Rules laid over a site: one watch for every rule and machine, checked before anything runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bridge.driver import Series
from bridge.local import Definitions, read_yaml, said_wrong
from bridge.rules.form import EdgeRule, RuleFile
from bridge.rules.model import MODEL, Model, width
from core.contracts.equipment import Unit
from core.contracts.site import SiteFile
from core.errors import GoldlayerError, InputError

FOLDER = "rules"
MODELS = "models"


@dataclass(frozen=True, slots=True)
class Watch:
    """One rule on one machine.

    Attributes:
        rule: as its file says.
        machine: equipment id.
        model: of an anomaly rule.
        origin: `site` for the owner's own, else the package's name and version.
        definition: SHA-256 of rule and model: another one begins anew.
    """

    rule: EdgeRule
    machine: str
    model: Model | None
    origin: str
    definition: str

    @property
    def key(self) -> Series:
        """(rule, machine)."""
        return self.rule.rule, self.machine


@dataclass(frozen=True, slots=True)
class RulePlan:
    """Every watch of a site, and what is wrong with the files that are none."""

    watches: tuple[Watch, ...] = ()
    problems: tuple[GoldlayerError, ...] = ()


def plan_rules(sources: Iterable[Definitions], site: SiteFile) -> RulePlan:
    """Lay every rule over the site; a file that is wrong keeps no other from being used."""
    watches: dict[Series, Watch] = {}
    made: dict[Series, Watch] = {}
    problems: list[GoldlayerError] = []
    for source in sources:
        for path in source.files(FOLDER):
            try:
                found = _watches(path, source, site)
                _alone(found, watches, made, path)
            except GoldlayerError as error:
                problems.append(error)
                continue
            watches.update({one.key: one for one in found})
            made.update({(one.machine, name): one for one in found for name in one.rule.outputs})
    return RulePlan(tuple(watches.values()), tuple(problems))


def _watches(path: Path, source: Definitions, site: SiteFile) -> list[Watch]:
    raw, _ = read_yaml(path, "rule file")
    try:
        rules = RuleFile.model_validate(raw).rules
    except ValidationError as error:
        raise said_wrong(error, path, "rule file", "docs/sites.md") from error
    found: list[Watch] = []
    for rule in rules:
        model, text = _model(rule, source.root / MODELS, path)
        definition = hashlib.sha256((rule.model_dump_json(by_alias=True) + text).encode()).hexdigest()
        for unit in _machines(rule, site, path):
            _check_signals(rule, unit, site, path)
            found.append(Watch(rule, unit.id, model, source.origin, definition))
    return found


def _model(rule: EdgeRule, folder: Path, path: Path) -> tuple[Model | None, str]:
    if rule.anomaly is None:
        return None, ""
    file = folder / rule.anomaly.model
    try:
        text = file.read_text(encoding="utf-8")
        model = MODEL.validate_python(json.loads(text))
    except OSError as error:
        raise InputError(
            f"model of rule {rule.rule!r} cannot be read", received=error.strerror, where=str(file)
        ) from error
    except ValidationError as error:
        raise said_wrong(error, file, "model", "docs/sites.md") from error
    except ValueError as error:
        raise InputError("model is not JSON", received=str(error)[:160], where=str(file)) from error
    if width(model) != len(rule.inputs):
        raise InputError(
            f"model of rule {rule.rule!r} does not fit its signals",
            expected=f"{width(model)} signals",
            received=len(rule.inputs),
            where=str(path),
        )
    return model, text


def _machines(rule: EdgeRule, site: SiteFile, path: Path) -> list[Unit]:
    units = {unit.id: unit for unit in site.units()}
    found = [one for one in units.values() if one.type == rule.equipment_type or one.id in rule.equipment]
    unknown = [one for one in rule.equipment if one not in units]
    if unknown or not found:
        raise InputError(
            f"rule {rule.rule!r} names a machine that the site has not",
            expected=", ".join(sorted({unit.type for unit in units.values()} if not unknown else set(units))),
            received=unknown[0] if unknown else rule.equipment_type,
            where=str(path),
        )
    return found


def _check_signals(rule: EdgeRule, unit: Unit, site: SiteFile, path: Path) -> None:
    known = {signal.name for signal in unit.signals}
    derived = {name for machine, name in site.derived() if machine == unit.id}
    for name in rule.inputs:
        if name not in known:
            raise InputError(
                f"rule {rule.rule!r} looks at a signal that {unit.id} has not",
                expected=", ".join(sorted(known)),
                received=name,
                where=str(path),
            )
    for name in rule.outputs:
        if name not in derived:
            raise InputError(
                f"rule {rule.rule!r} makes a signal that the site does not derive",
                expected=", ".join(sorted(derived)) or "a derived signal",
                received=f"{unit.id}/{name}",
                where=str(path),
                next_step="add the signal with `derived: true` to the site file",
            )


def _alone(found: list[Watch], watches: dict[Series, Watch], made: dict[Series, Watch], path: Path) -> None:
    """No name, no output twice; no rule looks at what a rule makes, so that none can run in a circle.

    Raises:
        InputError: one does.
    """
    keys = [one.key for one in found]
    outputs = [(one.machine, name) for one in found for name in one.rule.outputs]
    inputs = {(one.machine, name) for one in (*found, *watches.values()) for name in one.rule.inputs}
    twice = [name for name, _ in keys if (name, _) in watches or keys.count((name, _)) > 1]
    if twice:
        raise InputError(f"two rules are called {twice[0]!r}", where=str(path), next_step="rename one")
    for one in outputs:
        if one in made or outputs.count(one) > 1:
            raise InputError("two rules make one signal", received="/".join(one), where=str(path))
    for machine, name in inputs & ({*outputs} | set(made)):
        raise InputError("a rule looks at what a rule makes", received=f"{machine}/{name}", where=str(path))
