"""Finds modules by their `module.json`, checks that what is declared is what the code has, and hands them over."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from core.errors import InputError
from core.sdk.manifest import Manifest, load_manifest
from core.sdk.skill import Skill, load_skill
from core.sdk.tool import Tool


@dataclass(frozen=True, slots=True)
class Module:
    """A loaded module."""

    manifest: Manifest
    folder: Path
    tools: tuple[Tool, ...]
    skills: tuple[Skill, ...]
    router: Any
    """The FastAPI router of `api.py`, or None."""


def load_modules(folder: Path, package: str) -> list[Module]:
    """Load every module of a folder, sorted by code.

    Args:
        folder: holds one folder a module.
        package: import name of that folder.

    Raises:
        InputError: a manifest is wrong, or code and manifest disagree, or two modules want the same code or path.
    """
    modules = [_load(path.parent, f"{package}.{path.parent.name}") for path in sorted(folder.glob("*/module.json"))]
    for key in ("module_code", "api_base_path"):
        values = [getattr(module.manifest, key) for module in modules]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise InputError(f"two modules have the same {key}", received=twice[0], where=str(folder))
    names = [tool.name for module in modules for tool in module.tools]
    shared = sorted({name for name in names if names.count(name) > 1})
    if shared:
        raise InputError("two modules have a tool of the same name", received=shared[0], where=str(folder))
    return sorted(modules, key=lambda module: module.manifest.module_code)


def builtin_modules() -> list[Module]:
    """The modules that come with the product."""
    package = importlib.import_module("modules")
    return load_modules(Path(next(iter(package.__path__))), "modules")


def builtin_manifests() -> list[Manifest]:
    """The manifests of these modules, by code; loads none of their code."""
    package = importlib.import_module("modules")
    paths = sorted(Path(next(iter(package.__path__))).glob("*/module.json"))
    return sorted((load_manifest(path) for path in paths), key=lambda manifest: manifest.module_code)


def _load(folder: Path, name: str) -> Module:
    manifest = load_manifest(folder / "module.json")
    if folder.name != manifest.module_code.lower():
        raise InputError(
            "folder and module_code disagree", expected=manifest.module_code.lower(), received=folder.name, where=name
        )
    tools = _tools(importlib.import_module(f"{name}.ai.tools")) if (folder / "ai" / "tools.py").is_file() else ()
    _check_tools(manifest, tools, name)
    skills = tuple(load_skill(folder / form.path, form) for form in (manifest.ai.skills if manifest.ai else ()))
    router = None
    if (folder / "api.py").is_file():
        router = getattr(importlib.import_module(f"{name}.api"), "router", None)
        if router is None:
            raise InputError("api.py has no `router`", where=name)
    return Module(manifest=manifest, folder=folder, tools=tools, skills=skills, router=router)


def _tools(module: ModuleType) -> tuple[Tool, ...]:
    found = [value for value in vars(module).values() if isinstance(value, Tool)]
    return tuple(sorted(found, key=lambda tool: tool.name))


def _check_tools(manifest: Manifest, tools: tuple[Tool, ...], where: str) -> None:
    declared = set(manifest.ai.tools) if manifest.ai else set[str]()
    decorated = {tool.name for tool in tools}
    if declared != decorated:
        odd = sorted(declared ^ decorated)
        raise InputError("declared tools are not the decorated tools", received=", ".join(odd), where=where)
    permissions = {permission.code for permission in manifest.permissions}
    for tool in tools:
        if tool.module_code != manifest.module_code:
            raise InputError("tool names another module", received=tool.module_code, where=f"{where}.{tool.name}")
        if tool.policy.permission_code not in permissions:
            raise InputError(
                "tool needs a permission the manifest does not have",
                received=tool.policy.permission_code,
                where=f"{where}.{tool.name}",
            )
