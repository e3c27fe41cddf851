"""What a partial run has to check: its assets, and the bronze that they read."""

from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets.serving.freshness import CHECKS


def checks_for(graph: AssetGraph, keys: Iterable[dg.AssetKey]) -> set[dg.AssetCheckKey]:
    """Checks of the assets themselves and of their inputs that no run builds.

    That a table was published lately is looked at by the hour: of what is being published it says nothing.
    """
    built = set(keys)
    outside = {parent for key in built for parent in graph.get(key).parent_keys} - graph.materializable_asset_keys
    return {check for check in graph.asset_check_keys - set(CHECKS) if check.asset_key in built | outside}
