"""The envelope's assets as Dagster runs them: fitted once, then asked, a day at a time or all at once."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
from polars.testing import assert_frame_equal

from assets.gold.envelopes import envelope, envelope_daily
from assets.partitions import range_tags
from assets.resources import LakeResource, TenantResource
from core.tenancy import RegisteredSite
from lake.store import Lake
from lake.tables import envelopes, silver
from orchestration.bronze_watch import add_partitions

MONDAY = date(2024, 3, 4)


class Nobody(TenantResource):
    """A register that need not be asked."""

    def slugs(self) -> list[str]:
        return []

    def sites(self, slug: str) -> list[RegisteredSite]:
        return []

    def tell(self, slug: str, subject: str, message: str) -> None:
        raise AssertionError(f"{slug} is told: {subject}: {message}")


def test_an_envelope_is_fitted_once_and_a_day_built_again_is_the_same(gold, tmp_path: Path):
    lake = Lake(str(tmp_path)).tenant("envelope-co")
    wobble = [((n * 37) % 11 - 5) / 10 for n in range(432)]
    rows = gold.hours(*(gold.hour(n, 50 + wobble[n] + (4.0 if n >= 384 else 0.0)) for n in range(432)))
    lake.replace_all(silver.SIGNAL_HOURLY, rows.select(silver.SIGNAL_HOURLY.schema.names).to_arrow())
    last = MONDAY + timedelta(days=17)
    with dg.DagsterInstance.ephemeral() as instance:
        add_partitions(instance, ["envelope-co"], [MONDAY + timedelta(days=n) for n in range(18)])

        def build(first: date) -> None:
            found = {"lake": LakeResource(root=str(tmp_path)), "tenants": Nobody()}
            tags = range_tags("envelope-co", [first, last])
            assert dg.materialize([envelope, envelope_daily], instance=instance, tags=tags, resources=found).success

        build(MONDAY)
        fitted = lake.scan(envelopes.ENVELOPE).collect()
        once = lake.scan(envelopes.ENVELOPE_DAILY).collect().sort("date")
        build(last)
        again = lake.scan(envelopes.ENVELOPE_DAILY).collect().sort("date")
        signals = lake.scan(envelopes.ENVELOPE_SIGNAL_DAILY).collect()

    assert fitted.select("condition", "settings", "signal", "hours").rows() == [(0, "all conditions", "force", 336)]
    assert once["date"].to_list() == [MONDAY + timedelta(days=n) for n in range(14, 18)]
    assert once["hours_outside"].to_list() == [0, 0, 24, 24]
    assert once["reason"][3].startswith("in every hour, force 4.0")
    assert signals.height == 4
    assert_frame_equal(again, once)
    assert_frame_equal(lake.scan(envelopes.ENVELOPE).collect(), fitted)
