"""The asset graph as a snapshot: lineage, checks and how far each table looks back.

After a change that is meant, write it anew with `python tests/orchestration/test_asset_graph.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets.databases import TenantDatabases
from assets.partitions import TENANT_DAYS, TENANTS
from assets.resources import LakeResource, PlatformTenants
from orchestration.alerts import NOTICES, NoticeBoard
from orchestration.bronze_watch import reach_of
from orchestration.definitions import definitions
from orchestration.fleet import FLEET, FleetTables
from orchestration.upkeep import UPKEEP, TenantUpkeep

SNAPSHOT = Path(__file__).parent / "snapshots" / "asset_graph.json"


def nowhere() -> dg.Definitions:
    """The code location of an installation that does not exist: loading must not look."""
    found = {"lake": LakeResource(root="nowhere"), "tenants": PlatformTenants(run="nowhere")}
    others = {
        "databases": TenantDatabases(run="nowhere"),
        UPKEEP: TenantUpkeep(run="nowhere"),
        FLEET: FleetTables(run="nowhere"),
        NOTICES: NoticeBoard(run="nowhere"),
    }
    return definitions({**found, **others})


def loaded() -> AssetGraph:
    """Its graph."""
    return nowhere().resolve_asset_graph()


def graph() -> dict[str, Any]:
    """Every asset: inputs, checks (`!` blocks), days it reaches."""
    found = loaded()
    reach = reach_of(found)
    checks = {key: found.get(key) for key in found.asset_check_keys}
    return {
        key.to_user_string(): {
            "inputs": sorted(parent.to_user_string() for parent in found.get(key).parent_keys),
            "checks": sorted(
                f"{check.name}{'!' if node.blocking else ''}"
                for check, node in checks.items()
                if check.asset_key == key
            ),
            "group": found.get(key).group_name,
            "reach_days": reach.get(tuple(key.path)),
        }
        for key in sorted(found.get_all_asset_keys(), key=lambda one: one.to_user_string())
    }


def test_the_code_location_is_one_that_dagster_serves():
    """Names that are taken twice show only here: a build in process does not ask for every job."""
    nowhere().get_repository_def().load_all_definitions()


def test_the_graph_is_as_it_was():
    assert graph() == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_every_asset_is_partitioned_by_tenant_and_day_with_one_run_a_range():
    found = loaded()
    # What is written whole, or on few days only, would show the others as missing.
    whole = {f"bronze/{name}" for name in ("gaps", "quarantine", "readmissions", "history")}
    whole |= {"gold/fleet_kpi_daily", "gold/fleet_faults"}
    for key in found.get_all_asset_keys():
        wanted = TENANTS if key.to_user_string() in whole else TENANT_DAYS
        assert found.get(key).partitions_def == wanted, key
    policies = {found.get(key).backfill_policy for key in found.materializable_asset_keys}
    assert len(policies) == 1
    assert next(iter(policies)).max_partitions_per_run is None


def test_every_asset_says_what_it_is():
    found = loaded()
    for key in found.get_all_asset_keys():
        assert found.get(key).description, key


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(graph(), indent=1) + "\n", encoding="utf-8")
