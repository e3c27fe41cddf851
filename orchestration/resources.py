"""Resources of one installation: found through its run folder, which `GOLDLAYER_RUN` names."""

from collections.abc import Mapping
from typing import Any

from assets.resources import PlatformLake, PlatformTenants
from core.run.folder import RunFolder
from core.settings import Settings, load_settings
from lake.storage import checked_root
from orchestration.alerts import NOTICES, NoticeBoard
from orchestration.fleet import FLEET, FleetTables
from orchestration.upkeep import UPKEEP, TenantUpkeep


def installation() -> tuple[RunFolder, Settings]:
    """The run folder and the settings of this process."""
    settings = load_settings()
    return RunFolder.open(None, settings), settings


def resources(run: RunFolder, settings: Settings) -> Mapping[str, Any]:
    """What assets, checks and sensors of an installation work with."""
    from assets.databases import TenantDatabases

    folder = str(run.path)
    return {
        "lake": PlatformLake(root=checked_root(run.lake_root(settings)), run=folder),
        "tenants": PlatformTenants(run=folder),
        "databases": TenantDatabases(run=folder),
        UPKEEP: TenantUpkeep(run=folder),
        FLEET: FleetTables(run=folder),
        NOTICES: NoticeBoard(run=folder),
    }
