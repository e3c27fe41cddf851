"""The summary: what the installation holds, as one line of JSON; later fields are null until their step has run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from core.contracts.evidence import Evidence


class Readings(BaseModel):
    """Terms of the books over all tenants; rows and readings of the whole installation, not of one run."""

    replayed: int
    read: int
    withheld: int
    contracted: int
    suppressed: int
    aggregated: int
    forwarded: int
    windows: int
    rules: int
    sent: int
    in_flight: int
    bronze: int
    silver: int | None = None
    superseded: int | None = None
    rejected: int | None = None
    quarantined: int
    gap_readings: int
    lost: int
    duplicated: int

    def unbalanced(self) -> list[str]:
        """The equations of the books that do not hold, written out; empty when they balance."""
        equations = [
            ("read = withheld + contracted", self.read, self.withheld + self.contracted),
            (
                "contracted = forwarded + suppressed + aggregated",
                self.contracted,
                self.forwarded + self.suppressed + self.aggregated,
            ),
            ("sent = forwarded + windows + rules", self.sent, self.forwarded + self.windows + self.rules),
            ("sent = bronze + quarantined + in_flight", self.sent, self.bronze + self.quarantined + self.in_flight),
        ]
        if self.silver is not None:
            total = self.silver + (self.superseded or 0) + (self.rejected or 0)
            equations.append(("bronze = silver + superseded + rejected", self.bronze, total))
        wrong = [f"{text}: {left} against {right}" for text, left, right in equations if left != right]
        wrong.extend(f"{name} is {count}" for name, count in self._must_be_zero() if count)
        return wrong

    def _must_be_zero(self) -> list[tuple[str, int]]:
        return [("lost", self.lost), ("duplicated", self.duplicated)]


class Assets(BaseModel):
    """Dagster's own count: tables materialised at least once, and those whose last run failed."""

    materialized: int
    failed: int


class Checks(BaseModel):
    """Latest result of every asset check."""

    passed: int
    warned: int
    failed: int


class Rows(BaseModel):
    """A row count."""

    rows: int


class Embeddings(Rows):
    """Vectors and their length."""

    dimensions: int


class Drafts(BaseModel):
    """Training pairs waiting for review."""

    drafted: int


class Answer(BaseModel):
    """One question put to the agent service, and what came back."""

    tenant: str
    question: str
    answer: str
    tools: list[str]
    evidence: list[Evidence]


class Summary(BaseModel):
    """The last line of the demo."""

    readings: Readings | None = None
    assets: Assets | None = None
    checks: Checks | None = None
    kpis: Rows | None = None
    embeddings: Embeddings | None = None
    training_pairs: Drafts | None = None
    answers: list[Answer] | None = None
    seconds: dict[str, float]
    peak_mb: int
    event_log: Literal["postgres", "kafka"]
