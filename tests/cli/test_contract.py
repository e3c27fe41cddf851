"""`platform contract` on a small site."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from cli.main import main
from core.audit import Actor
from core.tenancy import Tenancy
from tests.core.tenancy.test_sites import contract_of, site_of

if TYPE_CHECKING:
    from tests.conftest import Installation

_SITE = """
tenant: acme-water
site: north
protocol: opcua
endpoint: opc.tcp://127.0.0.1:4840
equipment:
  - id: pump-1
    type: pump
    signals:
      - {name: flow, unit: l/min, address: "ns=2;s=flow"}
      - {name: current, unit: A, address: "ns=2;s=current"}
      - {name: secret, unit: bar, address: "ns=2;s=secret"}
"""
_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: north-readings
version: 1.2.0
schema:
  - name: pump
    properties:
      - name: flow
        customProperties:
          - {property: unit, value: l/min}
          - {property: deadband, value: {absolute: 0.5}}
          - {property: sampling, value: PT10S}
      - name: current
        customProperties:
          - {property: unit, value: mA}
          - {property: forward, value: false}
          - {property: windows, value: [{every: PT15M, aggregates: [mean, max], lateness: PT1M}]}
customProperties:
  - property: rules
    value:
      - {name: dry, equipment_type: pump, signal: flow, raise_when: "<", threshold: 2, clear_at: 3,
         fault_code: DRY, severity: 80, message: Runs dry}
"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "north.yaml").write_text(_SITE)
    (tmp_path / "north.contract.yaml").write_text(_CONTRACT)
    return tmp_path / "north.yaml"


def test_a_contract_that_fits_is_summed_up(site, capsys):
    contract = site.with_name("north.contract.yaml")
    assert main(["contract", "validate", str(contract), "--site", str(site)]) == 0
    assert "north-readings 1.2.0 fits north: 2 of 3 signals leave, 1 rules" in capsys.readouterr().out


def test_a_contract_that_does_not_fit_is_one_line(site, capsys):
    contract = site.with_name("north.contract.yaml")
    contract.write_text(_CONTRACT.replace("name: flow\n", "name: flaw\n"))
    assert main(["contract", "validate", str(contract), "--site", str(site)]) == 2
    said = capsys.readouterr().err
    assert "unknown signal 'flaw' of pump" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("signal", "lines"),
    [
        (
            "flow",
            [
                "pump.flow: leaves: changes of more than 0.5, at most one value in 10 s, unit l/min",
                "  rule dry: raises DRY when < 2, clears at 3",
            ],
        ),
        (
            "pump.current",
            [
                "pump.current: leaves only as windows, unit mA (measured in A)",
                "  window PT15M: current:mean:PT15M, current:max:PT15M, waits 60 s for late readings",
            ],
        ),
        ("secret", ["pump.secret: withheld, stays on site"]),
    ],
)
def test_one_signal_is_explained(site, capsys, signal, lines):
    assert main(["contract", "explain", signal, "--site", str(site)]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_every_way_to_leave_is_explained(site, capsys):
    contract = site.with_name("north.contract.yaml")
    every = "[min, max, mean, last, count, time_weighted_mean]"
    contract.write_text(_CONTRACT.replace("{absolute: 0.5}", "{percent: 2}").replace("[mean, max]", every))
    assert main(["contract", "validate", str(contract), "--site", str(site)]) == 0
    for signal in ("flow", "current"):
        assert main(["contract", "explain", signal, "--site", str(site)]) == 0
    said = capsys.readouterr().out
    assert "changes of more than 2 %" in said
    for aggregate in ("min", "max", "mean", "last", "count", "time_weighted_mean"):
        assert f"current:{aggregate}:PT15M" in said
    contract.write_text(_CONTRACT.replace("{absolute: 0.5}", "{absolute: 0.5, percent: 2}"))
    assert main(["contract", "validate", str(contract), "--site", str(site)]) == 2
    assert "either `absolute` or `percent`" in capsys.readouterr().err


def test_an_unknown_signal_is_refused_with_the_known_ones(site, capsys):
    assert main(["contract", "explain", "valve.flow", "--site", str(site)]) == 2
    assert "expected current, flow, secret" in capsys.readouterr().err


def test_diff_names_what_breaks_and_fails(tmp_path, capsys):
    old, new, same = tmp_path / "old.yaml", tmp_path / "new.yaml", tmp_path / "same.yaml"
    old.write_text(_CONTRACT)
    same.write_text(_CONTRACT.replace("1.2.0", "1.2.1"))
    new.write_text(_CONTRACT.replace("aggregates: [mean, max]", "aggregates: [mean]").replace("PT10S", "PT20S"))
    assert main(["contract", "diff", str(old), str(new)]) == 1
    said = capsys.readouterr()
    assert "breaking  pump.current:max:PT15M: leaves no more" in said.out
    assert "thinning  pump.flow: sampling 10 s becomes 20 s" in said.out
    assert "version goes from 1.2.0 to 1.2.0" in said.err
    assert main(["contract", "diff", str(old), str(same)]) == 0
    assert "nothing changes" in capsys.readouterr().out
    assert main(["contract", "diff", str(old), str(tmp_path / "none.yaml")]) == 2


@pytest.mark.integration
async def test_a_contract_is_put_in_force_on_a_registered_site(
    tenancy: Tenancy,
    prepared: Installation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    scope = await tenancy.create("contract-cli-co", "Contracts", actor=Actor.command("test"))
    site = site_of("contract-cli-co", "kiln")
    first = contract_of(site)
    await tenancy.register_site(scope, site, first, actor=Actor.command("test"))
    file = tmp_path / "kiln.contract.yaml"

    async def activate(text: str, *words: str, to: str = "kiln") -> int:
        file.write_text(text)
        where = ["--tenant", "contract-cli-co", "--site", to, "--run", str(prepared.run.path)]
        return await asyncio.to_thread(main, ["contract", "activate", str(file), *where, *words])

    async def in_force() -> str:
        (standing,) = (await tenancy.bridge_standings(scope)).values()
        return standing.contract_sha256

    assert await activate(first.source) == 0
    assert "is in force already" in capsys.readouterr().out
    assert await activate(first.source, to="oven") != 0
    assert "expected kiln" in capsys.readouterr().err
    document = yaml.safe_load(first.source)
    document["version"] = "1.0.1"
    dropped = document["schema"][0]["properties"].pop()
    narrower = yaml.safe_dump(document)
    assert await activate(narrower) == 1
    said = capsys.readouterr()
    assert f"{dropped['name']}: leaves no more" in said.out
    assert "say --breaking" in said.err
    assert await in_force() == first.sha256
    assert await activate(narrower, "--breaking") == 0
    assert await in_force() == hashlib.sha256(narrower.encode()).hexdigest()
    records = await tenancy.audit.newest(scope, 10)
    assert [one.action for one in records][:1] == ["contract.activate"]
    strange = first.source.replace(document["schema"][0]["name"], "spaceship")
    assert await activate(strange, "--breaking") == 2
    assert "unknown equipment type" in capsys.readouterr().err
