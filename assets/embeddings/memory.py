"""The fault memory: which texts it should hold, and making it hold exactly those."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assets import phrases
from assets.incidents import Incident, Kind
from core.db import Database
from core.db.queries import load_queries
from core.embedding import DIMENSIONS, Embedder
from quality.expected import Severity
from quality.outcome import Outcome

_SQL = load_queries("assets.embeddings")
VECTORS_FIT = "vectors_fit"
FAULTS = 5_000
"""Latest fault episodes of a tenant that are remembered."""
FINDINGS = 300
"""Days on which machines were most unlike themselves that are remembered."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One text to be found again by meaning."""

    incident: Incident
    text: str


@dataclass(frozen=True, slots=True)
class Recall:
    """What bringing the memory up to date did.

    Attributes:
        held: memories afterwards.
        embedded: texts that were new, had changed, or had a vector of another model.
        forgotten: memories whose incident is no longer there.
    """

    held: int
    embedded: int
    forgotten: int


def remember(incidents: Sequence[Incident]) -> list[Memory]:
    """The memories a tenant should have: its latest faults, and the findings with the highest score."""
    faults = [one for one in incidents if one.kind is Kind.FAULT][:FAULTS]
    findings = sorted((one for one in incidents if one.kind is Kind.FINDING), key=lambda one: -(one.score or 0))
    return [Memory(one, text(one)) for one in (*faults, *findings[:FINDINGS])]


def text(incident: Incident) -> str:
    """What happened, when, which signals deviated how, how long: the words that are embedded."""
    return " ".join([phrases.headline(incident), *phrases.deviations(incident)])


async def bring_up_to_date(
    database: Database, memories: Sequence[Memory], model: str, embedder: Callable[[int], Embedder]
) -> Recall:
    """Make the tenant's fault memory hold exactly these memories under this model; unchanged ones keep their vector.

    Args:
        database: the tenant's own, opened with vectors.
        memories: all of them.
        model: id of the model whose vectors are wanted.
        embedder: gives the model for a number of texts; called only if there is one to embed.
    """
    async with database.transaction() as transaction:
        await transaction.execute(_SQL["one_at_a_time"])
        await transaction.execute(_SQL["create_memory"])
        held = {row["id"]: (row["text"], row["model"]) for row in await transaction.fetch(_SQL["held"])}
        wanted = {one.incident.id: one for one in memories}
        gone = sorted(held.keys() - wanted.keys())
        due = [one for key, one in wanted.items() if held.get(key) != (one.text, model)]
        vectors = embedder(len(due)).embed([one.text for one in due]) if due else []
        await transaction.execute(_SQL["forget"], gone)
        await transaction.execute_many(
            _SQL["remember"], [_row(one, vector, model) for one, vector in zip(due, vectors, strict=True)]
        )
    return Recall(held=len(wanted), embedded=len(due), forgotten=len(gone))


async def vectors_fit(database: Database, model: str) -> Outcome:
    """Whether no vector is of another model, of other dimensions, or of another length than 1."""
    unfit = int(await database.fetchval(_SQL["unfit"], DIMENSIONS, model))
    return Outcome(VECTORS_FIT, unfit == 0, Severity.ERROR, f"{unfit} unfit vectors", f"vectors of {model}")


def _row(memory: Memory, vector: object, model: str) -> tuple[object, ...]:
    one = memory.incident
    episode = one.keys.get("episode_id")
    return (
        *(one.id, one.kind.value, one.site, one.equipment_id, one.equipment_type, episode, one.happened_at),
        *(memory.text, vector, model, one.source, one.version),
    )
