"""The packaged demo, run once as a newcomer runs it: what it says, what it leaves, and that it can be resumed."""

import json
import os
from pathlib import Path

import psutil
import pytest

from cli.demo.summary import Summary

pytestmark = [pytest.mark.end_to_end, pytest.mark.xdist_group("demo")]


def living(run: Path) -> list[str]:
    """Command lines of processes that belong to a run folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "pid"]):
        words = process.info["cmdline"] or []
        if process.pid != os.getpid() and any(str(run) in word for word in words):
            found.append(" ".join(words)[:120])
    return found


def test_the_last_line_is_a_valid_summary(demo):
    summary = Summary.model_validate(demo.summary)
    assert json.loads((demo.run / "summary.json").read_text()) == demo.summary
    assert summary.event_log == "postgres"
    assert set(summary.seconds) >= {"migrate", "provision", "stream", "build", "answers", "total"}


def test_nothing_is_lost_or_doubled_and_the_books_balance(demo):
    readings = Summary.model_validate(demo.summary).readings
    assert readings is not None
    assert readings.unbalanced() == []
    assert (readings.lost, readings.duplicated, readings.in_flight, readings.gap_readings) == (0, 0, 0, 0)
    # 5,116 hours of 15 signals, and 13,096 cycles of 25.
    assert readings.replayed == readings.read == 5116 * 15 + 13096 * 25
    assert min(readings.withheld, readings.suppressed, readings.aggregated, readings.windows, readings.rules) > 0


def test_the_ledger_of_each_tenant_adds_up_to_the_summary(demo, road):
    sums: dict[str, int] = {}
    for tenant in ("northline-metro", "skyhaul-air"):
        told = road.run(road.platform, "ledger", "--tenant", tenant, "--json", "--run", demo.run)
        assert told.code == 0, told.output[-2000:]
        ledger = json.loads(told.output)
        unread = [gap for gap in ledger["gaps"] if gap["reason"] not in ("bad_quality", "link_down")]
        assert (ledger["balanced"], unread) == (True, [])
        for term, count in ledger["totals"].items():
            sums[term] = sums.get(term, 0) + count
    readings = demo.summary["readings"]
    assert sums.pop("doubled") == readings["duplicated"] == 0
    assert sums == {term: readings[term] for term in sums}
    assert sums["read"] == readings["read"] > 0


def test_tables_are_built_and_checked(demo):
    summary = Summary.model_validate(demo.summary)
    assert summary.assets is not None
    assert summary.assets.materialized >= 10
    assert summary.assets.failed == 0
    assert summary.checks is not None
    assert summary.checks.passed >= 10
    assert summary.checks.failed == 0
    assert summary.checks.warned <= 1  # of one day the compressor's recording holds not a single value
    assert summary.kpis is not None
    assert summary.kpis.rows > 0
    assert summary.embeddings is not None
    assert summary.embeddings.rows > 0
    assert summary.embeddings.dimensions == 384
    assert summary.training_pairs is not None
    assert summary.training_pairs.drafted > 0


def test_every_question_is_answered_with_evidence(demo):
    answers = Summary.model_validate(demo.summary).answers or []
    assert {answer.tenant for answer in answers} == {"northline-metro", "skyhaul-air"}
    assert len(answers) >= 4
    for answer in answers:
        assert answer.tools
        assert answer.evidence
        assert "not a language model" in answer.answer


def test_the_april_leak_and_its_like_are_found(demo):
    answer = next(a for a in demo.summary["answers"] if "mid-April" in a["question"])
    assert "2020-04-18" in answer["answer"]
    assert "2020-03" in answer["answer"]


def test_it_stays_within_three_gigabytes(demo):
    assert 0 < demo.summary["peak_mb"] < 3000


def test_nothing_of_it_is_left_running(demo):
    assert living(demo.run) == []


def test_secrets_are_private_and_never_printed(demo):
    secrets = [path for path in (demo.run / "secrets").rglob("*") if path.is_file()]
    assert len(secrets) > 5
    assert (demo.run / "secrets").stat().st_mode & 0o077 == 0
    logs = [path.read_text(errors="replace") for path in (demo.run / "logs").iterdir()]
    for path in secrets:
        assert path.stat().st_mode & 0o077 == 0
        words = [line for line in path.read_text().splitlines() if len(line) > 15 and "BEGIN" not in line]
        for text in [demo.ran.output, *logs]:
            assert not any(word in text for word in words), path.name


def test_a_second_start_resumes(demo, road):
    again = road.run("make", "demo", f"ARGS=--once --run {demo.run}")
    assert again.code == 0, again.output[-3000:]
    counts = {key: value for key, value in again.summary["readings"].items() if key != "replayed"}
    assert counts == {key: value for key, value in demo.summary["readings"].items() if key != "replayed"}
    for part in ("checks", "kpis", "embeddings", "training_pairs"):
        assert again.summary[part] == demo.summary[part], part
    answers = [(a["question"], a["answer"]) for a in again.summary["answers"]]
    assert answers == [(a["question"], a["answer"]) for a in demo.summary["answers"]]
