from __future__ import annotations

import gzip
import math
from pathlib import Path

import pytest

from core.contracts.reading import to_datetime
from core.contracts.site import SiteFile
from core.errors import InputError
from examples.plant.recording import read_history, read_recording
from tests.examples.truth import read_truth

_PUMP: list[dict[str, object]] = [
    {
        "id": "pump-1",
        "type": "centrifugal_pump",
        "signals": [{"name": "flow", "column": "Volume Flow RateRMS", "unit": "l/min"}, {"name": "Current".lower()}],
    }
]
_SEMICOLON = {"delimiter": ";", "timestamp": {"column": "datetime", "format": "%Y-%m-%d %H:%M:%S"}}
_FLEET: list[dict[str, object]] = [
    {"id": "engine-[01..02]", "type": "turbofan", "signals": [{"name": "speed", "column": 2}]}
]
_CLOCK = {"every_s": 3600, "start": "2024-01-01T00:00:00Z"}
_BARE = {"delimiter": "whitespace", "header": False, "unit_column": 0, "timestamp": _CLOCK}


def _cells(site: SiteFile, folder: Path, signal: str) -> list[float | str | None]:
    one = read_recording(site, folder).units[0]
    return [one.columns[signal].at(row) for row in range(one.rows)]


def test_semicolons_crlf_and_a_byte_order_mark_are_read(write_site, tmp_path: Path) -> None:
    text = "\ufeffdatetime;Volume Flow RateRMS;current\r\n2020-03-09 10:14:33;32.0;1.5\r\n2020-03-09 10:14:35;;2\r\n"
    site = write_site(text, _SEMICOLON, _PUMP)
    plant = read_recording(site, tmp_path)
    assert plant.steps == 2
    assert plant.readings == 4
    assert _cells(site, tmp_path, "flow") == [32.0, None]
    assert to_datetime(int(plant.units[0].ts_us[1])).isoformat() == "2020-03-09T10:14:35+00:00"
    assert plant.elapsed_s().tolist() == [0.0, 2.0]


def test_cells_are_numbers_literals_texts_or_holes(write_site, tmp_path: Path) -> None:
    cells = ["1e3", "nan", "-inf", "", "  ", "OFF", "1_000", "1,5"]
    rows = "".join(f"2020-03-09 10:14:{second:02d};1;{cell}\n" for second, cell in enumerate(cells))
    site = write_site("datetime;Volume Flow RateRMS;current\n" + rows, _SEMICOLON, _PUMP)
    found = _cells(site, tmp_path, "current")
    assert isinstance(found[1], float)
    assert math.isnan(found[1])
    assert [found[0], *found[2:]] == [1000.0, -math.inf, None, None, "OFF", "1_000", "1,5"]


def test_naive_times_are_read_in_the_zone_of_the_site(write_site, tmp_path: Path) -> None:
    text = "datetime;Volume Flow RateRMS;current\n2020-07-01 12:00:00;1;1\n"
    site = write_site(text, _SEMICOLON, _PUMP, timezone="Europe/Berlin")
    assert to_datetime(int(read_recording(site, tmp_path).units[0].ts_us[0])).hour == 10


def _local(write_site, folder: Path, *clock: str) -> list[str]:
    """When rows were, in UTC, that a clock in Berlin showed at some times."""
    rows = "".join(f"{at};{n};1\n" for n, at in enumerate(clock))
    site = write_site("datetime;Volume Flow RateRMS;current\n" + rows, _SEMICOLON, _PUMP, timezone="Europe/Berlin")
    return [to_datetime(int(us)).strftime("%H:%M") for us in read_recording(site, folder).units[0].ts_us]


def test_the_hour_that_clocks_show_twice_is_two_hours(write_site, tmp_path: Path) -> None:
    shown = [f"2020-10-25 {at}:00" for at in ("01:40", "02:00", "02:20", "02:40", "02:00", "02:20", "02:40", "03:00")]
    assert _local(write_site, tmp_path, *shown) == [
        "23:40", "00:00", "00:20", "00:40", "01:00", "01:20", "01:40", "02:00"
    ]  # fmt: skip
    hourly = [f"2020-10-25 {at}:30:00" for at in ("00", "01", "02", "02", "03")]
    assert _local(write_site, tmp_path, *hourly) == ["22:30", "23:30", "00:30", "01:30", "02:30"]


def test_a_row_that_stands_there_twice_is_no_second_hour(write_site, tmp_path: Path) -> None:
    shown = [f"2020-10-25 {at}:00" for at in ("02:00", "02:20", "02:20", "02:40", "03:00")]
    assert _local(write_site, tmp_path, *shown) == ["00:00", "00:20", "00:20", "00:40", "02:00"]


def test_a_time_that_clocks_skip_is_refused(write_site, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 3: the clocks skipped (.*)2020-03-29 02:30:00.* `timezone`"):
        _local(write_site, tmp_path, "2020-03-29 01:30:00", "2020-03-29 02:30:00")


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "iso"])
def test_a_leap_second_is_refused_by_its_row(write_site, tmp_path: Path, form: str) -> None:
    rules = {"delimiter": ";", "timestamp": {"column": "datetime", "format": form}}
    text = "datetime;Volume Flow RateRMS;current\n2016-12-31 23:59:59;1;1\n2016-12-31 23:59:60;1;1\n"
    with pytest.raises(InputError, match=r"line 3: timestamp cannot be read .*23:59:60"):
        read_recording(write_site(text, rules, _PUMP), tmp_path)


@pytest.mark.parametrize(
    ("form", "cell"), [("iso", "2020-07-01T12:00:00+02:00"), ("epoch_s", "1593597600"), ("epoch_ms", "1593597600000")]
)
def test_times_may_be_iso_or_epochs(write_site, tmp_path: Path, form: str, cell: str) -> None:
    rules = {"timestamp": {"column": "datetime", "format": form}}
    site = write_site(f"datetime,Volume Flow RateRMS,current\n{cell},1,1\n", rules, _PUMP)
    assert to_datetime(int(read_recording(site, tmp_path).units[0].ts_us[0])).isoformat() == "2020-07-01T10:00:00+00:00"


def test_equal_and_backward_times_keep_the_order_of_the_file(write_site, tmp_path: Path) -> None:
    seconds = [5, 5, 3, 9]
    rows = "".join(f"2020-03-09 10:14:{second:02d};{second};1\n" for second in seconds)
    site = write_site("datetime;Volume Flow RateRMS;current\n" + rows, _SEMICOLON, _PUMP)
    plant = read_recording(site, tmp_path)
    assert _cells(site, tmp_path, "flow") == [5.0, 5.0, 3.0, 9.0]
    assert plant.elapsed_s().tolist() == [0.0, 0.0, 0.0, 4.0]


def test_a_glob_of_gzipped_files_is_one_recording(write_site, tmp_path: Path) -> None:
    for hour in (11, 12):
        text = f"datetime;Volume Flow RateRMS;current\n2020-03-09 {hour}:00:00;{hour};1\n"
        (tmp_path / f"part-{hour}.csv.gz").write_bytes(gzip.compress(text.encode()))
    site = write_site(b"", {**_SEMICOLON, "path": "part-*.csv.gz"}, _PUMP)
    assert _cells(site, tmp_path, "flow") == [11.0, 12.0]


@pytest.mark.parametrize(
    "text", ['[{"t": 0, "a": 1.5}, {"t": 1, "a": ""}]', '{"t": 0, "a": 1.5}\n{"t": 1, "a": null}\n']
)
def test_json_is_an_array_or_one_object_a_line(write_site, tmp_path: Path, text: str) -> None:
    rules = {"format": "json", "timestamp": {"column": "t", "format": "epoch_s"}}
    site = write_site(text, rules, [{"id": "m", "type": "machine", "signals": [{"name": "a"}]}])
    assert _cells(site, tmp_path, "a") == [1.5, None]


@pytest.mark.parametrize(
    ("align", "first_steps", "starts"), [("start", [0, 0], ["00", "00"]), ("end", [0, 2], ["00", "02"])]
)
def test_machines_of_different_length_meet_where_the_site_says(
    write_site, tmp_path: Path, align: str, first_steps: list[int], starts: list[str]
) -> None:
    text = "1 1 10.0  \n1 2 11.0  \n1 3 12.0  \n2 1 20.0  \n"
    site = write_site(text, {**_BARE, "align": align}, _FLEET)
    plant = read_recording(site, tmp_path)
    assert [one.unit.id for one in plant.units] == ["engine-01", "engine-02"]
    assert [one.offset for one in plant.units] == first_steps
    assert [f"{to_datetime(int(one.ts_us[0])).hour:02d}" for one in plant.units] == starts
    assert plant.steps == 3
    assert plant.readings_by_step().tolist() == ([2, 1, 1] if align == "start" else [1, 1, 2])


def test_history_and_truth_come_from_their_own_files(write_site, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("7 1 1.0\n7 2 2.0\n12 1 3.0\n")
    (tmp_path / "truth.txt").write_text("112 \n98 \n")
    site = write_site("1 1 1.0\n2 1 2.0\n", {**_BARE, "history": "train.txt", "truth": "truth.txt"}, _FLEET)
    history = read_history(site, tmp_path)
    assert [(one.unit.id, one.unit.type, one.unit.number, one.rows) for one in history] == [
        ("history-07", "turbofan", 7, 2),
        ("history-12", "turbofan", 12, 1),
    ]
    assert read_truth(site, tmp_path) == {"engine-01": 112.0, "engine-02": 98.0}


_HEADER = "datetime;Volume Flow RateRMS;current\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("datetime;flow\n2020-03-09 10:14:33;1\n", ["Volume Flow RateRMS", "datetime, flow", "recording.csv"]),
        (_HEADER + "2020-03-09 10:14:33;1;1\nyesterday;1;1\n", ["timestamp", "yesterday", "recording.csv, line 3"]),
        (_HEADER + "2020-03-09 10:14:33;1\n", ["3 cells", "recording.csv, line 2"]),
        (_HEADER, ["no rows", "recording.csv"]),
        (b"datetime;flow\n2020;\xff\n", ["UTF-8", "recording.csv, line 2"]),
        (b"\x1f\x8bnot really", ["cannot be read", "recording.csv"]),
    ],
)
def test_bad_files_name_file_column_and_line(write_site, tmp_path: Path, text: str | bytes, words: list[str]) -> None:
    site = write_site(text, _SEMICOLON, _PUMP)
    with pytest.raises(InputError) as caught:
        read_recording(site, tmp_path)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rules", "words"),
    [
        ("1 1 1.0\n", _BARE, ["engine-02", "no row"]),
        ("one 1 1.0\n", _BARE, ["machine number", "one", "line 1"]),
        ("1 1 1.0\n2 1 2.0\n", {**_BARE, "unit_column": None}, ["unit_column"]),
        ("1 1\n2 1\n", _BARE, ["no column 2"]),
        ("1 1 1.0\n2 1 2.0\n", {**_BARE, "path": "none-*.txt"}, ["not there", "none-*.txt"]),
        ("1 1 1.0\n2 1 2.0\n", {**_BARE, "delimiter": "::"}, ["`delimiter`", "::"]),
        ("not json", {**_BARE, "format": "json"}, ["not JSON", "line 1"]),
        ("[1]", {**_BARE, "format": "json"}, ["not an object"]),
    ],
)
def test_recordings_that_do_not_fit_the_site_are_refused(
    write_site, tmp_path: Path, text: str, rules: dict[str, object], words: list[str]
) -> None:
    site = write_site(text, rules, _FLEET)
    with pytest.raises(InputError) as caught:
        read_recording(site, tmp_path)
    for word in words:
        assert word in str(caught.value)


def test_truth_has_one_number_a_machine(write_site, tmp_path: Path) -> None:
    (tmp_path / "truth.txt").write_text("112\n")
    site = write_site("1 1 1.0\n2 1 2.0\n", {**_BARE, "truth": "truth.txt"}, _FLEET)
    with pytest.raises(InputError, match="2 numbers"):
        read_truth(site, tmp_path)
