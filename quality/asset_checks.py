"""Outcomes as Dagster's asset checks."""

from collections.abc import Sequence

import dagster as dg

from lake.spec import TableSpec
from quality.checks import checks_of
from quality.expected import Severity
from quality.outcome import Outcome, days_in_words


def asset_key(spec: TableSpec) -> dg.AssetKey:
    """The asset that a table is: `gold/kpi_daily`."""
    return dg.AssetKey([spec.layer.value, spec.name])


def check_specs(spec: TableSpec) -> list[dg.AssetCheckSpec]:
    """Every check of a table; those of severity error block what comes after it."""
    return [
        dg.AssetCheckSpec(
            one.name, asset=asset_key(spec), description=one.expected, blocking=one.severity is Severity.ERROR
        )
        for one in checks_of(spec)
    ]


def told(outcome: Outcome) -> dict[str, str]:
    """What a check's page shows of its result."""
    days = {"days": days_in_words(outcome.days)} if outcome.days else {}
    if outcome.accepted is not None:
        more = {**days, "accepted": outcome.accepted}
    else:
        more = {} if outcome.passed else {**days, "what_to_do": outcome.remedy}
    return {"observed": outcome.observed, "expected": outcome.expected, **more}


def checks_table(outcomes: Sequence[Outcome]) -> str:
    """Every check of a build as one Markdown table, those that do not pass first: the page of a table."""
    order = {"failed": 0, "warned": 1, "passed": 2}
    rows = [
        f"| {one.check} | {one.status} | {_cell(_found(one))} | {_cell(one.expected)} |"
        for one in sorted(outcomes, key=lambda one: order[one.status])
    ]
    return "\n".join(["| check | result | found | right would be |", "| --- | --- | --- | --- |", *rows])


def _found(one: Outcome) -> str:
    return f"{days_in_words(one.days)}: {one.told}" if one.days else one.told


def _described(one: Outcome) -> str | None:
    if one.passed:
        return None
    return f"{_found(one)}." if one.accepted else f"{_found(one)}. What to do: {one.remedy}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def as_results(spec: TableSpec, outcomes: Sequence[Outcome], checked: str) -> list[dg.AssetCheckResult]:
    """Outcomes of a table as Dagster shows them; see `as_result`."""
    return [as_result(asset_key(spec), one, checked) for one in outcomes]


def as_result(key: dg.AssetKey, outcome: Outcome, checked: str) -> dg.AssetCheckResult:
    """An outcome as Dagster shows it.

    Args:
        key: the asset.
        outcome: what was found.
        checked: whose days; the pages show the latest result, whoever's it is.
    """
    severities = {Severity.ERROR: dg.AssetCheckSeverity.ERROR, Severity.WARN: dg.AssetCheckSeverity.WARN}
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=outcome.check,
        passed=outcome.passed,
        severity=severities[outcome.severity if outcome.blocks else Severity.WARN],
        description=_described(outcome),
        metadata={"checked": checked, **told(outcome)},
    )
