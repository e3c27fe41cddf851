"""The road on a real S3 endpoint: from a bridge's key through bronze, silver and gold to an answer."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
import pytest
from websockets.asyncio.client import connect

from assets import bronze as bronze_assets
from assets import gold as gold_assets
from assets import silver as silver_assets
from assets.resources import PlatformLake, PlatformTenants
from cli.main import main
from core.audit import Actor
from core.contracts.batch import digest, pack
from core.contracts.frames import Ack, Welcome, pack_frame, parse_message
from core.contracts.reading import COUNT_COLUMNS, COUNTS_SCHEMA, Sample, readings_to_arrow
from core.errors import InputError
from core.run.jars import JarsUnavailableError
from core.settings import LakeSettings, Settings, as_environment
from core.vault import Secret
from core.vault.installation import InstallationVault
from lake.object_store import store_of
from lake.opening import open_lake, storage_by_settings
from lake.reader import LakeReader
from lake.tables import bronze, gold, silver
from lake.upkeep import optimize
from orchestration.materialize import materialize_new
from orchestration.sensors import JOB
from tests.cli.test_ingestion import CONTRACT, NOON, SITE, batch, hello, part, road
from tests.s3mock.server import BUCKET, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.tenancy import Tenancy
    from tests.conftest import Installation

_ACTOR = Actor.command("test")
_SECRET = "planted-on-the-road-0123456789"
pytestmark = [pytest.mark.integration, pytest.mark.s3, pytest.mark.long]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A real S3 endpoint; skips where this machine cannot have one."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(running())
        except JarsUnavailableError as error:
            pytest.skip(f"no S3 endpoint on this machine: {error}")
        yield address


@pytest.fixture
def settings(prepared: Installation, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The installation's, with its lake on the endpoint, also for processes this one starts."""
    options = {"aws_endpoint_url": endpoint, "allow_http": "true", "aws_access_key_id": "AK", "aws_region": "eu"}
    lake = LakeSettings(root=f"s3://{BUCKET}/lakes", options=options)
    InstallationVault.by_settings(prepared.run, prepared.settings).put("lake/aws_secret_access_key", Secret(_SECRET))
    for name, value in as_environment(Settings(lake=lake)).items():
        monkeypatch.setenv(name, value)
    return prepared.settings.model_copy(update={"lake": lake})


async def _send(address: str, key: str) -> None:
    """Be the bridge until twenty readings, with what it counted of them, are acknowledged."""
    async with connect(address, additional_headers={"Authorization": f"Bearer {key}"}, proxy=None) as socket:
        await socket.send(hello())
        assert isinstance(parse_message(str(await socket.recv())), Welcome)
        for seq in range(1, 21):
            counted = dict.fromkeys(COUNT_COLUMNS, 0) | dict.fromkeys(("read", "contracted", "forwarded"), 1)
            line = {"site": "cli-plant", "equipment_id": "pump-1", "signal": "flow", "hour": NOON, **counted}
            readings = readings_to_arrow("cli-plant", [Sample("pump-1", "flow", NOON + seq, seq / 2, None, 0)])
            payload = pack(readings, pa.RecordBatch.from_pylist([line], schema=COUNTS_SCHEMA))
            header, _ = batch(seq)
            await socket.send(pack_frame(replace(header, payload_sha256=digest(payload)), payload))
        answer = parse_message(str(await socket.recv()))
        while isinstance(answer, Ack) and answer.seq < 20:
            answer = parse_message(str(await socket.recv()))
        assert isinstance(answer, Ack), answer


def _keys(installation: Installation, settings: Settings) -> list[str]:
    import obstore

    store = store_of(storage_by_settings(installation.run, settings), "")
    return [one["path"] for page in obstore.list(store) for one in page]


async def test_the_road_on_s3(
    prepared: Installation, tenancy: Tenancy, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    run = ["--run", str(prepared.run.path)]
    assert await asyncio.to_thread(main, ["lake", "doctor", "--json", *run]) == 1
    doctor = json.loads(capfd.readouterr().out)
    assert [one["thing"] for one in doctor["findings"] if one["state"] != "right"] == ["conditional put"]

    for slug in ("cli-road", "cli-other"):
        scope = await tenancy.create(slug, slug, actor=_ACTOR)
    scope = await tenancy.get("cli-road")
    await tenancy.register_site(scope, SITE, CONTRACT, actor=_ACTOR)
    key = (await tenancy.bridge_key_file(scope, "cli-plant")).read_text()
    lake = open_lake(prepared.run, settings)
    mine, other = lake.tenant("cli-road"), lake.tenant("cli-other")
    async with road(prepared) as address:
        await _send(address, key)
        for _ in range(300):
            if await asyncio.to_thread(mine.version, bronze.READINGS) is not None:
                break
            await asyncio.sleep(0.2)
        # Two would win on this store, so a second sink is not let in.
        with part(prepared, "sink", "run") as second:
            assert await asyncio.to_thread(second.wait, 120) == 1
    assert mine.scan(bronze.READINGS).collect()["value"].sort().to_list() == [n / 2 for n in range(1, 21)]

    built = await asyncio.to_thread(_build, prepared, settings)
    assert {"silver/readings", "gold/kpi_daily"} <= {str(one).replace(".", "/") for one in built}
    answer = LakeReader(mine).query("select count(*) as n from silver.readings", ["silver.readings"])
    assert answer.rows == [{"n": 20}]
    again = [one for one in optimize(mine, [bronze.READINGS, silver.READINGS, gold.KPI_DAILY], rest_s=0.0) if one.error]
    assert again == []
    assert LakeReader(mine).rerun(answer.evidence[0]) == [{"n": 20}]

    sql = "select count(*) as n from bronze.readings"
    assert await asyncio.to_thread(main, ["lake", "query", sql, "--tenant", "cli-road", "--json", *run]) == 0
    assert json.loads(capfd.readouterr().out)["rows"] == [{"n": 20}]
    assert await asyncio.to_thread(main, ["lake", "tables", "--tenant", "cli-road", *run]) == 0
    assert "silver.readings" in capfd.readouterr().out
    assert await asyncio.to_thread(main, ["lake", "query", sql, "--tenant", "cli-other", *run]) == 1
    assert other.version(bronze.READINGS) is None
    assert {one.partition("/")[0] for one in _keys(prepared, settings)} == {"cli-road"}
    with pytest.raises(InputError, match="not a tenant slug"):
        lake.tenant("cli-road/../cli-other")

    said = "".join(capfd.readouterr())
    assert _SECRET not in said
    for file in prepared.run.logs.rglob("*"):
        assert not file.is_file() or _SECRET not in file.read_text(errors="replace")


def _build(prepared: Installation, settings: Settings) -> list[str]:
    """Silver and gold of what the sink committed; nothing Dagster stores holds the store's secret."""
    folder = str(prepared.run.path)
    lake, tenants = PlatformLake(root=str(settings.lake.root), run=folder), PlatformTenants(run=folder)
    resources: dict[str, Any] = {"lake": lake, "tenants": tenants}
    rooms = (bronze_assets, silver_assets, gold_assets)
    definitions = dg.Definitions(
        assets=[asset for room in rooms for asset in room.ASSETS],
        asset_checks=[check for room in rooms for check in room.CHECKS],
        jobs=[dg.define_asset_job(JOB, dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks())],
        resources=resources,
        executor=dg.in_process_executor,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        summary = materialize_new(instance, definitions, lake, tenants)
        for record in instance.get_run_records():
            assert _SECRET not in f"{record.dagster_run!r}"
            assert not any(_SECRET in f"{one!r}" for one in instance.all_logs(record.dagster_run.run_id))
    return sorted(summary.materialised)
