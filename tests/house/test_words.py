"""The product speaks of itself alone: no path of anybody's machine, no package index, no unfinished work."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
INDEXES = [f"{name}.org" for name in ("pypi", "pythonhosted", "npmjs", "crates", "maven.apache", "repo1.maven")]
PATHS = re.compile(r"(?<![\w.])/(?:work|root|home)/[a-z]")
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error")) + r")\b")


def files() -> list[tuple[str, str]]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    found: list[tuple[str, str]] = []
    for name in filter(None, names):
        path = ROOT / name
        if path.is_file() and not name.startswith("examples/sites/") and path.suffix not in {".gz", ".png"}:
            found.append((name, path.read_text(encoding="utf-8", errors="replace")))
    return found


def test_no_path_of_a_machine():
    assert [name for name, text in files() if PATHS.search(text) and not name.endswith("test_words.py")] == []


def test_no_package_index_is_named():
    assert [name for name, text in files() if any(host in text for host in INDEXES)] == []


def test_nothing_is_left_unfinished():
    code = [(name, text) for name, text in files() if name.endswith((".py", ".sql", ".yml", ".yaml", ".html"))]
    assert len(code) > 50
    assert [(name, UNFINISHED.findall(text)) for name, text in code if UNFINISHED.search(text)] == []
