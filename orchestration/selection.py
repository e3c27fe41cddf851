"""What a partial run has to check: its assets, and the bronze that they read."""

from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph


def checks_for(graph: AssetGraph, keys: Iterable[dg.AssetKey]) -> set[dg.AssetCheckKey]:
    """Checks of the assets themselves and of their inputs that no run builds."""
    built = set(keys)
    outside = {parent for key in built for parent in graph.get(key).parent_keys} - graph.materializable_asset_keys
    return {check for check in graph.asset_check_keys if check.asset_key in built | outside}
