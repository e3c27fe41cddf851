"""Remaining life: the model, fitted when recorded lives change, and what it says of each machine each day."""

from typing import Any

import dagster as dg
import polars as pl

from assets.build import Build
from assets.declared import table_asset
from assets.gold import life_fit, lives
from assets.gold.life_features import at_ends_of_days, drivers, followed
from assets.resources import LakeResource, TenantResource
from assets.silver.judge import is_good
from lake.artefacts import Artefacts
from lake.spec import TableSpec
from lake.tables import bronze, gold, silver

_EACH = ["equipment_id", "date"]


@table_asset(gold.LIFE_MODEL, [bronze.HISTORY])
def life_model(context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """One model for each equipment type whose lives are recorded; fitted anew only when they, or the signals, change.

    Grain: equipment type. Source: bronze.history, signals the contract forwards. Consumer: remaining life.
    """
    build = Build(context, lake, tenants)
    version = build.lake.version(bronze.HISTORY)
    recorded = build.lake.scan(bronze.HISTORY).select("equipment_type", "signal").unique().collect()
    known = {row["model_version"]: row for row in build.lake.scan(gold.LIFE_MODEL).collect().to_dicts()}
    rows: list[dict[str, Any]] = []
    for kind in recorded["equipment_type"].unique().sort():
        catalogue = build.catalogue.filter(pl.col("equipment_type") == kind)
        of_kind = recorded.filter(pl.col("equipment_type") == kind)["signal"]
        signals = lives.usable_signals(catalogue, build.forwarded(kind), of_kind.to_list())
        name = life_fit.version_of(kind, -1 if version is None else version, signals)
        if signals:
            rows.append(known.get(name) or _fitted(build, kind, name, version, catalogue, signals))
    table = pl.DataFrame(rows, schema=pl.Schema(gold.LIFE_MODEL.schema))
    return build.replace(gold.LIFE_MODEL, table, models=[row["model_version"] for row in rows])


def _fitted(
    build: Build, kind: str, name: str, version: int | None, catalogue: pl.DataFrame, signals: list[str]
) -> dict[str, Any]:
    wanted = (pl.col("equipment_type") == kind) & pl.col("signal").is_in(signals)
    history = build.lake.scan(bronze.HISTORY, version=version).filter(wanted).select(lives.HISTORY_COLUMNS).collect()
    model = life_fit.fit(lives.recorded_lives(history, catalogue, signals), signals)
    artefact = f"life-{kind}-{name}.joblib"
    Artefacts(build.lake).save(artefact, model.to_bytes())
    return {
        "equipment_type": kind,
        "model_version": name,
        "artefact": artefact,
        "history_version": version,
        "lives": model.lives,
        "signals": ", ".join(model.signals),
        "rmse": model.rmse,
        "coverage": model.coverage,
        "cap": model.cap,
    }


@table_asset(gold.REMAINING_LIFE, [silver.READINGS, gold.BASELINE, gold.LIFE_MODEL])
def remaining_life(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Cycles left of each machine at its last reading of the day, with a 90 % interval and what speaks for it.

    Grain: machine, day. Source: silver of 30 to 120 days, baselines, the models. Consumers: publication, agents.
    """
    build = Build(context, lake, tenants)
    models = build.lake.scan(gold.LIFE_MODEL).collect().to_dicts()
    parts = [_asked(build, row, entry.site.site) for row in models for entry in build.sites]
    empty = pl.DataFrame(schema=pl.Schema(gold.REMAINING_LIFE.schema))
    return build.replace(gold.REMAINING_LIFE, pl.concat([empty, *parts], how="diagonal_relaxed"))


def _asked(build: Build, row: dict[str, Any], site: str) -> pl.DataFrame:
    """Rows of one equipment type on one site."""
    kind = row["equipment_type"]
    model = life_fit.LifeModel.from_bytes(Artefacts(build.lake).load(row["artefact"]))

    def of_kind(spec: TableSpec, lookback: int) -> pl.LazyFrame:
        return build.scan(spec, lookback).filter((pl.col("equipment_type") == kind) & (pl.col("site") == site))

    useful = pl.col("signal").is_in(list(model.signals)) | (pl.col("role") == "count").fill_null(value=False)
    history = (
        build.lake.scan(bronze.HISTORY)
        .filter(pl.col("equipment_type") == kind)
        .select("site", "equipment_id", "ts", "step")
    )
    step = lives.step_length(history.collect())
    back = lives.days_back(step)
    readings = of_kind(silver.READINGS, back).filter(is_good(), useful).collect()
    ever = of_kind(silver.READINGS, gold.EVER).join(lives.uncounted(readings).lazy(), on="equipment_id", how="semi")
    first = ever.group_by("equipment_id").agg(first_ts=pl.col("ts").min()).collect()
    samples = lives.ages(readings, first, step)
    moves = followed(samples, of_kind(gold.BASELINE, gold.EVER).collect(), model.signals)
    asked = at_ends_of_days(samples, moves, model.signals, build.days)
    said = pl.concat([asked.select(*_EACH, "age", as_of="ts"), model.ask(asked)], how="horizontal")
    named = said.join(drivers(moves, back), on=_EACH, how="left")
    return named.with_columns(
        site=pl.lit(site),
        equipment_type=pl.lit(kind),
        unit=pl.lit("cycles"),
        model_version=pl.lit(row["model_version"]),
    )
