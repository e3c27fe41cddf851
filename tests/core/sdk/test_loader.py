"""What is declared equals what the code has, or the module does not load."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.sdk.loader import builtin_modules, load_modules

MANIFEST: dict[str, Any] = {
    "module_code": "EXTRA_ONE",
    "module_name": "Extra one",
    "module_description": "A module that somebody wrote.",
    "module_version": "1.0.0",
    "api_base_path": "/api/v1/extra-one",
    "permissions": [{"code": "EXTRA.READ", "description": "Read"}],
    "ai": {"agent": {"persona": "You know one more thing."}, "tools": ["look_around"]},
}
TOOLS = '''
from core.sdk import ToolContext, ToolResult, platform_tool

@platform_tool(module_code="EXTRA_ONE", permission_code="EXTRA.READ", risk_level="safe", summary_instructions="Looks.")
async def look_around(context: ToolContext) -> ToolResult:
    """Looks."""
    return ToolResult()
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / f"mods_{tmp_path.name.replace('-', '_')}"
    module = folder / "extra_one"
    (module / "ai").mkdir(parents=True)
    for empty in (folder, module, module / "ai"):
        (empty / "__init__.py").write_text("")
    (module / "ai" / "tools.py").write_text(TOOLS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def write(package: Path, **changes: Any) -> None:
    (package / "extra_one" / "module.json").write_text(json.dumps({**MANIFEST, **changes}))


def test_a_module_loads(package: Path) -> None:
    write(package)
    (module,) = load_modules(package, package.name)
    assert [tool.name for tool in module.tools] == ["look_around"]
    assert module.router is None


def test_a_skill_is_read(package: Path) -> None:
    skill = package / "extra_one" / "ai" / "skills" / "look-twice"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("---\nname: look-twice\ndescription: Look twice.\n---\nFirst look, then look.\n")
    skills = [{"name": "look-twice", "path": "ai/skills/look-twice", "tools_required": ["look_around"]}]
    write(package, ai={**MANIFEST["ai"], "skills": skills})
    (module,) = load_modules(package, package.name)
    assert (module.skills[0].description, module.skills[0].body) == ("Look twice.", "First look, then look.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "red"}, "colour"),
        ({"module_version": "one"}, "module_version"),
        ({"module_code": "OTHER_NAME"}, "folder and module_code"),
        ({"ai": {**MANIFEST["ai"], "tools": ["look_around", "look_away"]}}, "look_away"),
        ({"permissions": []}, "permission the manifest does not have"),
        ({"api_base_path": "/extra"}, "api_base_path"),
    ],
)
def test_what_disagrees_is_refused(package: Path, changes: dict[str, Any], said: str) -> None:
    write(package, **changes)
    with pytest.raises(InputError, match=said):
        load_modules(package, package.name)


def test_builtin_modules_load_with_unique_paths_and_tools() -> None:
    modules = builtin_modules()
    assert {module.manifest.module_code for module in modules} >= {"SCADA_MONITOR", "FLEET_RELIABILITY"}
    assert all(module.router is not None for module in modules)
    assert all(tool.examples and tool.policy.risk_level == "safe" for module in modules for tool in module.tools)
