"""`platform bridge`: what it says to wrong input, and the books it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bridge.driver import Scan
from bridge.recorder import Recorder
from bridge.store import Store
from cli.main import main
from core.contracts.reading import Sample
from core.contracts.site import SiteFile

SITE = """
tenant: newcomer-co
site: loop
protocol: modbus
endpoint: modbus://127.0.0.1:1
equipment:
  - {id: p1, type: pump, signals: [{name: flow, address: 1/holding/0/float32}]}
"""
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: loop
version: 1.0.0
schema: [{name: pump, properties: [{name: flow}]}]
"""


@pytest.fixture
def words(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "loop.yaml").write_text(SITE)
    (tmp_path / "loop.contract.yaml").write_text(CONTRACT)
    (tmp_path / "key").write_text("k")
    return {
        "--site": str(tmp_path / "loop.yaml"),
        "--contract": str(tmp_path / "loop.contract.yaml"),
        "--home": str(tmp_path / "home"),
        "--gateway": "ws://127.0.0.1:1",
        "--key-file": str(tmp_path / "key"),
    }


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--gateway", "ws://plant.example:1", "use wss://"),
        ("--endpoint", "127.0.0.1:502", "modbus://HOST"),
        ("--key-file", "/nowhere/key", "key file cannot be read"),
        ("--site", "/nowhere/site.yaml", "site file cannot be read"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing(
    words: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, says: str
) -> None:
    words[option] = value
    assert main(["bridge", "run", *(word for pair in words.items() for word in pair)]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert len([line for line in error.splitlines() if line.startswith("error: ")]) == 1
    assert not (tmp_path / "home").exists()


def test_status_shows_the_books(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store.open(tmp_path) as store, store.writing() as connection:
        connection.execute("insert into ledger values ('p1', 'flow', 1200, 0, 1200, 0, 0, 1200, 0, 0, 7, 0)")
        assert main(["bridge", "status", "--home", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "1,200" in shown
    assert "redelivered" in shown


def test_status_of_a_folder_without_a_bridge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bridge", "status", "--home", str(tmp_path)]) == 2
    assert "no bridge has run here" in capsys.readouterr().err


def test_history_is_csv_with_the_newest_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    minute = 60_000_000
    with Store.open(tmp_path) as store:
        recorder = Recorder(store, SiteFile.model_validate(yaml.safe_load(SITE)), clocked=True)
        recorder.record([Scan([Sample("p1", "flow", n * minute, n / 2, None, 0) for n in range(5)])])
        recorder.close()
    words = ["bridge", "history", "p1", "flow", "--home", str(tmp_path)]
    assert main([*words, "--since", "1970-01-01T00:01:00", "--until", "1970-01-01T00:04:00", "--last", "2"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "ts,value,text,quality",
        "1970-01-01T00:02:00+00:00,1.0,,0x00000000",
        "1970-01-01T00:03:00+00:00,1.5,,0x00000000",
    ]
    assert "the newest 2 of 3" in said.err
    assert main([*words[:3], "none", *words[4:]]) == 0
    assert capsys.readouterr().out == "ts,value,text,quality\n"
    assert main([*words, "--every", "PT2M", "--last", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "start,mean,min,max,last,count,time_weighted_mean",
        "1970-01-01T00:02:00+00:00,1.25,1.0,1.5,1.5,2,1.25",
        "1970-01-01T00:04:00+00:00,2.0,2.0,2.0,2.0,1,",
    ]
    assert main([*words, "--every", "2 minutes"]) == 2
    assert "ISO 8601: PT15M" in capsys.readouterr().err
