"""A skill package: `SKILL.md` with YAML front matter (Agent Skills specification) and its instructions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

from core.errors import InputError
from core.sdk.manifest import SkillForm


@dataclass(frozen=True, slots=True)
class Skill:
    """Name and description are always in the prompt; the body only once the skill is activated."""

    name: str
    description: str
    body: str
    tools_required: tuple[str, ...]


def load_skill(folder: Path, form: SkillForm) -> Skill:
    """Read a skill package.

    Raises:
        InputError: no SKILL.md, no front matter, or a name that is not the declared one.
    """
    path = folder / "SKILL.md"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("skill cannot be read", received=error.strerror, where=str(path)) from error
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    try:
        parsed = yaml.safe_load(head) if text.startswith("---\n") and body else None
    except yaml.YAMLError as error:
        raise InputError("front matter is not YAML", where=str(path)) from error
    if not isinstance(parsed, dict):
        raise InputError(
            "a skill begins with YAML front matter", expected="---, name, description, ---", where=str(path)
        )
    front = cast("dict[str, object]", parsed)
    if front.get("name") != form.name or not front.get("description"):
        raise InputError(
            "front matter and manifest disagree",
            expected=f"name {form.name!r} and a description",
            received=front.get("name"),
            where=str(path),
        )
    description = " ".join(str(front["description"]).split())
    return Skill(name=form.name, description=description, body=body.strip(), tools_required=form.tools_required)
