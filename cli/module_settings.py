"""`platform modules settings show | set | unset | decide`: what a tenant chose, what the platform decides for all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.asking import asked
from cli.session import tenancy_of
from cli.table import print_table
from core.errors import InputError, NotFoundError
from core.settings import load_settings

if TYPE_CHECKING:
    from core.module_settings import Effective, ModuleSettings
    from core.sdk.setting import SettingForm
    from core.tenancy import Tenancy

app = typer.Typer(add_completion=False, rich_markup_mode=None)

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="Whose settings.")]
ModuleArgument = Annotated[str, typer.Argument(help="Code of the module, for example SCADA_MONITOR.")]
KeyArgument = Annotated[str, typer.Argument(help="Key of the setting.")]


@app.command()
def show(module: ModuleArgument, tenant: TenantOption, run: RunOption = None) -> None:
    """What counts for a tenant, who decided it, and what may be chosen; of a secret only whether it is set."""

    async def work() -> None:
        async with _opened(run, "show") as (tenancy, settings):
            found = await settings.effective(await tenancy.get(tenant), module)
        print_table([_line(one) for one in found.values()] or [(f"{module} has no settings",)])

    asyncio.run(work())


@app.command(name="set")
def set_(
    module: ModuleArgument,
    key: KeyArgument,
    tenant: TenantOption,
    value: Annotated[
        str | None,
        typer.Argument(help="A text, a number, true or false, or JSON; a secret is asked for."),
    ] = None,
    run: RunOption = None,
) -> None:
    """Choose a tenant's own value."""
    from core.audit import Actor

    form = _form(module, key)
    chosen = _secret(key, value) if form.type == "secret" else _read(form, key, value)

    async def work() -> None:
        async with _opened(run, "set") as (tenancy, settings):
            actor = Actor.command("modules settings set")
            await settings.choose(await tenancy.get(tenant), module, {key: chosen}, actor=actor)
        typer.echo(f"{module}.{key} is set for {tenant}")

    asyncio.run(work())


@app.command()
def unset(module: ModuleArgument, key: KeyArgument, tenant: TenantOption, run: RunOption = None) -> None:
    """Go back to what the platform has; a secret is destroyed."""

    async def work() -> None:
        from core.audit import Actor

        async with _opened(run, "unset") as (tenancy, settings):
            actor = Actor.command("modules settings unset")
            await settings.give_up(await tenancy.get(tenant), module, [key], actor=actor)
        typer.echo(f"{module}.{key} of {tenant} is the platform's again")

    asyncio.run(work())


@app.command()
def decide(
    module: ModuleArgument,
    key: KeyArgument,
    value: Annotated[str | None, typer.Argument(help="Value for all tenants; as it is if not given.")] = None,
    lock: Annotated[bool | None, typer.Option("--lock/--unlock", help="Whether tenants may choose.")] = None,
    run: RunOption = None,
) -> None:
    """Decide a setting for all tenants, or whether they may choose it themselves."""
    if value is None and lock is None:
        raise InputError("nothing to decide", expected="a value, --lock or --unlock", where=f"{module}.{key}")
    chosen = None if value is None else _read(_form(module, key), key, value)

    async def work() -> None:
        from core.audit import Actor

        async with _opened(run, "decide") as (_, settings):
            await settings.decide(
                module, key, value=chosen, locked=lock, actor=Actor.command("modules settings decide")
            )
        typer.echo(f"{module}.{key} is decided for all tenants")

    asyncio.run(work())


def _line(one: Effective) -> tuple[str, ...]:
    form = one.form
    value = ("set" if one.value else "not set") if form.type == "secret" else json.dumps(one.value, ensure_ascii=False)
    limits = {"from": form.min, "to": form.max, "one of": form.options and ", ".join(form.options)}
    told = " ".join(
        f"{word} {limit:g}" if isinstance(limit, float) else f"{word} {limit}"
        for word, limit in limits.items()
        if limit is not None
    )
    notes = ["locked"] if one.locked else []
    notes += [f"the tenant's own choice does not count: {one.ignored}"] if one.ignored else []
    return one.key, value, one.source, " ".join(part for part in (form.type, told) if part), "; ".join(notes)


def _form(module_code: str, key: str) -> SettingForm:
    from core.sdk.loader import builtin_manifests

    manifests = {one.module_code: one for one in builtin_manifests()}
    if module_code not in manifests:
        raise NotFoundError("no such module", expected=", ".join(manifests), received=module_code)
    settings = manifests[module_code].settings
    if key not in settings:
        raise InputError("no such setting", expected=", ".join(settings) or "none", received=key, where=module_code)
    return settings[key]


def _secret(key: str, value: str | None) -> object:
    if value is not None:
        raise InputError(
            "a secret is no argument: others could read it off the list of processes",
            where=key,
            next_step="leave it out and type it, or send it to standard input",
        )
    return asked(key)


def _read(form: SettingForm, key: str, text: str | None) -> object:
    """A text as it stands, everything else as JSON; whether it fits, the setting itself says."""
    if text is None:
        raise InputError("a value is missing", expected=form.type, where=key)
    if form.type == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


@asynccontextmanager
async def _opened(path: Path | None, command: str) -> AsyncGenerator[tuple[Tenancy, ModuleSettings]]:
    from cli.modules import open_subscriptions
    from core.audit import Actor
    from core.module_settings import ModuleSettings
    from core.run.folder import RunFolder
    from core.vault.vault import Vault

    settings = load_settings()
    async with tenancy_of(path) as tenancy:
        run = RunFolder.find(path, settings)
        actor = Actor.command(f"modules settings {command}")
        subscriptions = await open_subscriptions(tenancy, run, settings, actor=actor)
        yield (
            tenancy,
            ModuleSettings(tenancy, subscriptions, Vault.over(tenancy.platform, run, settings, tenancy.audit)),
        )
