"""`platform bridge rules`: edge rules of a site, looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.bridge_packages import app as packages

__all__ = ["app", "packages"]
app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Edge rules."""


@app.command("list")
def list_(home: Annotated[Path, typer.Option(help="Home folder of the bridge; it may be running.")]) -> None:
    """Show every rule, where it came from and where its event stands; exit code 1 if a file is wrong."""
    from bridge.etl.service import remembered_site
    from bridge.local import definitions
    from bridge.rules.plan import plan_rules
    from bridge.rules.remembered import remembered
    from bridge.store import read_only
    from cli.table import print_table

    plan = plan_rules(definitions(home), remembered_site(home))
    connection = read_only(home)
    try:
        standing = {key for key, (_, _, memory) in remembered(connection).items() if memory.standing}
    finally:
        connection.close()
    rows: list[tuple[str, ...]] = [("rule", "from", "machine", "looks at", "makes", "stands")]
    for one in plan.watches:
        looks, makes = ", ".join(one.rule.inputs), ", ".join(one.rule.outputs)
        rows.append((one.rule.rule, one.origin, one.machine, looks, makes, "yes" if one.key in standing else "no"))
    print_table(rows)
    for problem in plan.problems:
        typer.echo(f"wrong: {problem}", err=True)
    if plan.problems:
        raise typer.Exit(1)
