from pathlib import Path

import pytest

from core.contracts.addresses import MAX_READ, modbus_blocks
from core.contracts.site import load_site, site_files
from core.errors import InputError

SMALLEST = """
tenant: newcomer-co
site: test-loop
protocol: opcua
timezone: UTC
recording:
  path: recording.csv
  format: csv
  delimiter: ";"
  timestamp: {column: datetime, format: "%Y-%m-%d %H:%M:%S"}
  labels: {columns: [anomaly, changepoint]}
equipment:
  - id: pump-1
    type: centrifugal_pump
    signals:
      - {name: flow, column: "Volume Flow RateRMS", unit: l/min}
      - {name: motor_current, column: Current, unit: A}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "test-loop.yaml"
    path.write_text(text)
    return path


def test_the_smallest_site_works(tmp_path: Path):
    site, warnings = load_site(write(tmp_path, SMALLEST))
    assert warnings == []
    assert [unit.id for unit in site.units()] == ["pump-1"]
    assert site.contract_name == "test-loop.contract.yaml"


def test_a_range_is_a_row_of_machines(tmp_path: Path):
    site, _ = load_site(write(tmp_path, SMALLEST.replace("pump-1", "'pump-[08..11]'")))
    assert [(unit.id, unit.number) for unit in site.units()] == [
        ("pump-08", 8), ("pump-09", 9), ("pump-10", 10), ("pump-11", 11),
    ]  # fmt: skip


def test_a_recording_is_read_as_fast_as_it_answers_unless_the_site_says_otherwise(tmp_path: Path):
    replayed, _ = load_site(write(tmp_path, SMALLEST))
    assert replayed.poll_interval_s == 0
    paced, _ = load_site(write(tmp_path, SMALLEST.replace("timezone: UTC", "poll: {interval_s: 5}")))
    assert paced.poll_interval_s == 5
    device = replayed.model_copy(update={"recording": None})
    assert device.poll_interval_s == 1


def test_gravity_is_read_where_the_gram_cannot_be_meant(tmp_path: Path):
    text = SMALLEST.replace("{name: flow,", "{name: acceleration_1, unit: g}\n      - {name: flow,")
    site, warnings = load_site(write(tmp_path, text))
    assert site.equipment[0].signals[0].unit == "g0"
    assert len(warnings) == 1
    assert "standard gravity" in warnings[0]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("tenant: newcomer-co", "tenant: newcomer-co\nspeed: 3", "unknown key 'speed'"),
        ("unit: l/min", "unit: zorg", "unknown unit"),
        ("site: test-loop", "site: Test_Loop", "'site' is wrong"),
        ("timezone: UTC", "timezone: Mars/Base", "'timezone' is wrong"),
        ("name: motor_current", "name: flow", "signal listed twice"),
        ("protocol: opcua", "protocol: carrier-pigeon", "'protocol' is wrong"),
        ("equipment:", "equipment: [", "not YAML"),
    ],
)
def test_a_wrong_site_is_one_clear_error(tmp_path: Path, old: str, new: str, says: str):
    with pytest.raises(InputError) as caught:
        load_site(write(tmp_path, SMALLEST.replace(old, new)))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "test-loop.yaml" in str(caught.value)


def test_a_folder_without_sites_is_refused(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError):
            site_files(folder)


def test_one_read_serves_a_whole_machine(tmp_path: Path):
    site, _ = load_site(write(tmp_path, SMALLEST.replace("opcua", "modbus").replace("pump-1", "'pump-[0001..1030]'")))
    blocks = modbus_blocks(site)
    assert len({(block.device_id, block.start) for block in blocks}) == 1030
    assert max(block.count for block in blocks) <= MAX_READ
    assert {block.device_id for block in blocks} == {1, 2}


def test_a_derived_signal_is_of_no_device(tmp_path: Path):
    text = SMALLEST.replace("unit: A}", "unit: A}\n      - {name: ph, derived: true}")
    site, _ = load_site(write(tmp_path, text))
    assert list(site.derived()) == [("pump-1", "ph")]
    assert [one.name for one in site.measured().units()[0].signals] == ["flow", "motor_current"]
    assert type(site).model_validate(site.model_dump(mode="json")) == site
    with pytest.raises(InputError, match="a derived signal has no 'address'"):
        load_site(write(tmp_path, text.replace("derived: true", "derived: true, address: x")))
