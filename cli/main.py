"""`platform`: finds the sub-command, loads only its module, turns every error into one line and an exit code."""

from __future__ import annotations

import importlib
import sys
import tempfile
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from core import faults, log
from core.errors import GoldlayerError, InputError
from core.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

_OURS = frozenset(
    (
        "core",
        "cli",
        "bridge",
        "lake",
        "ingestion",
        "quality",
        "assets",
        "modules",
        "agents",
        "orchestration",
        "examples",
    )
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One sub-command.

    Attributes:
        module: where its typer app `app` lives; imported when the command is used, never before.
        line: what `platform --help` says about it.
        extra: what must be installed for it.
        pick: the one command of that app which is meant; `*` for an app that is one command; None for the whole app.
    """

    module: str
    line: str
    extra: str = "platform"
    pick: str | None = None


ENTRIES: dict[str, Entry] = {
    "demo": Entry("cli.demo.command", "Walk the whole road on recorded plants and answer with evidence.", pick="*"),
    "init": Entry("cli.installation", "Create the installation: databases, roles, secrets.", pick="init"),
    "up": Entry("cli.installation", "Run everything for the sites of a folder until stopped.", pick="up"),
    "info": Entry("cli.installation", "Where the installation is, its ports and parts.", pick="info"),
    "health": Entry("cli.installation", "Probe every part; exit code 1 if one is down.", pick="health"),
    "hold": Entry("cli.installation", "Take one part down for a while.", pick="hold"),
    "tenants": Entry("cli.tenants", "Tenants, their sites and people."),
    "audit": Entry("cli.audit", "Search, export and verify what was recorded."),
    "modules": Entry("cli.modules", "Modules: what there is, and which tenant has which."),
    "identity": Entry("cli.identity", "Ways in: people, roles, API keys, identity providers."),
    "vault": Entry("cli.vault", "Tenants' secrets: keep, list, rotate, and who touched them."),
    "contract": Entry("cli.contract", "Check and explain data contracts.", "bridge"),
    "plant": Entry("cli.plant", "Replay a recorded plant as an OPC UA or Modbus server.", "bridge"),
    "bridge": Entry("cli.bridge", "The on-site application.", "bridge"),
    "bridges": Entry("cli.bridges", "The tenants' bridges: which there are, how they are and were."),
    "gateway": Entry("cli.gateway", "The door bridges connect to."),
    "sink": Entry("cli.sink", "From the event log into the lake."),
    "lake": Entry("cli.lake", "Look into a tenant's tables, and look after them."),
    "ledger": Entry("cli.ledger", "The books: every reading accounted for, gaps with their reason.", pick="*"),
    "quarantine": Entry("cli.quarantine", "What could not be used and why; letting it in after all."),
    "score": Entry("cli.score.command", "What the health models reach on public recordings."),
    "dagster": Entry("cli.dagster", "The data engineer's home."),
    "agents": Entry("cli.agents", "The agent service."),
}


def _load(name: str) -> Any:
    entry = ENTRIES[name]
    app = importlib.import_module(entry.module).app
    if entry.pick == "*":
        command = get_command(app)
    else:
        group = get_group(app)
        group.no_args_is_help = True
        command = group if entry.pick is None else group.commands[entry.pick]
    command.name = name
    return command


class LazyGroup(TyperGroup):
    """Lists every sub-command from the table above and imports the one that runs."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  the base class's signature
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  the base class's signature
        entry = ENTRIES.get(cmd_name)
        return None if entry is None else TyperCommand(cmd_name, help=entry.line, short_help=entry.line)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, None if command is None or name is None else _load(name), rest

    def invoke(self, ctx: Any) -> None:
        # What a command returns is its own affair: an exit code is only ever raised.
        super().invoke(ctx)


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,  # noqa: ARG001  read by `_unexpected`
) -> None:
    """An industrial lakehouse with agents on top."""
    settings = load_settings()
    log.configure(settings.log_level, console=sys.stderr.isatty())
    faults.arm(settings.faults)


def _missing(error: ModuleNotFoundError, argv: Sequence[str]) -> GoldlayerError | None:
    """The error for a package that is not installed; None when the missing module is one of ours."""
    package = (error.name or "").partition(".")[0]
    if not package or package in _OURS:
        return None
    name = next((word for word in argv if word in ENTRIES), "info")
    return InputError(
        f"`platform {name}` needs a package that is not installed",
        received=package,
        next_step=f"pip install 'goldlayer[{ENTRIES[name].extra}]'",
    )


def _say(error: Exception) -> None:
    """One line, whatever the error's text holds."""
    print("error: " + " ".join(str(error).split()), file=sys.stderr)


def _unexpected(error: Exception, argv: Sequence[str]) -> int:
    if "--debug" in argv[:1] or load_settings().debug:
        traceback.print_exception(error)
        return 1
    with tempfile.NamedTemporaryFile("w", prefix="goldlayer-error-", suffix=".log", delete=False) as file:
        traceback.print_exception(error, file=file)
    first = " ".join(str(error).split())[:200]
    _say(Exception(f"unexpected {type(error).__name__}: {first}; log: {file.name}; next: run again with --debug"))
    return 1


def main(argv: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        Its exit code: 0, 1 for an error, 2 for wrong input, 130 for Ctrl-C.
    """
    try:
        result = get_group(app).main(list(argv), prog_name="platform", standalone_mode=False)
    except GoldlayerError as error:
        _say(error)
        return error.exit_code
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 2
        _say(Exception(error.format_message()))
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except ModuleNotFoundError as error:
        missing = _missing(error, argv)
        if missing is None:
            return _unexpected(error, argv)
        _say(missing)
        return missing.exit_code
    except Exception as error:
        return _unexpected(error, argv)
    return result if isinstance(result, int) else 0


def run() -> None:
    """Entry point of the console script."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
