"""Pipelines of a site: the owner's own folder, and those that packages brought."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bridge.etl.form import Pipeline
from bridge.etl.load import Derived, check_signals
from bridge.etl.place import Place
from bridge.etl.steps import check_steps
from bridge.local import OWN, Definitions, read_yaml, said_wrong
from core.errors import GoldlayerError, InputError

FOLDER = "etl"
STEPS = "steps"


@dataclass(frozen=True, slots=True)
class Placed:
    """A pipeline and where it came from.

    Attributes:
        pipeline: its form.
        sha256: of its file.
        origin: `site` for the owner's own, else the package's name and version.
        place: where its paths lead.
        steps: folder of the Python steps it may name; always the owner's.
    """

    pipeline: Pipeline
    sha256: str
    origin: str
    place: Place
    steps: Path


@dataclass(frozen=True, slots=True)
class Loaded:
    """Pipelines by name, and what is wrong with the files that are none."""

    pipelines: dict[str, Placed]
    problems: tuple[GoldlayerError, ...]

    def pick(self, name: str) -> Placed:
        """One pipeline.

        Raises:
            GoldlayerError: there is none of that name, perhaps because its file is wrong.
        """
        if name in self.pipelines:
            return self.pipelines[name]
        if self.problems:
            raise self.problems[0]
        raise InputError(
            f"no pipeline {name!r}",
            expected=", ".join(self.pipelines) or "a file in the folder local/etl",
            received=name,
        )


def load_pipelines(sources: Iterable[Definitions], derived: Derived) -> Loaded:
    """Every pipeline; a file that is wrong keeps no other from being loaded.

    A name that an earlier source has already taken, and a step or signal that is not there, are wrong.
    """
    found: dict[str, Placed] = {}
    problems: list[GoldlayerError] = []
    for source in sources:
        for path in source.files(FOLDER):
            try:
                one = _load(path, source, derived)
                name = one.pipeline.pipeline
                if name in found:
                    raise InputError(f"two pipelines are called {name!r}", where=str(path), next_step="rename one")
                found[name] = one
            except GoldlayerError as error:
                problems.append(error)
    return Loaded(found, tuple(problems))


def _load(path: Path, source: Definitions, derived: Derived) -> Placed:
    raw, text = read_yaml(path, "pipeline")
    try:
        pipeline = Pipeline.model_validate(raw)
    except ValidationError as error:
        raise said_wrong(error, path, "pipeline", "docs/sites.md") from error
    steps = source.own / STEPS
    check_steps(pipeline, steps)
    if pipeline.load.readings is not None:
        check_signals(pipeline.load.readings, derived, str(path))
    place = Place(source.own, source.origin == OWN)
    return Placed(pipeline, hashlib.sha256(text.encode()).hexdigest(), source.origin, place, steps)
