"""`platform identity providers add | list | show | test | enable | disable | remove`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.administering import reached_at
from cli.asking import asked
from cli.session import tenancy_of
from cli.table import print_table
from core.errors import InputError
from core.settings import load_settings

if TYPE_CHECKING:
    from core.audit import Actor
    from core.db import TenantScope
    from core.identity.federation.providers import Kind, Provider
    from core.identity.federation.service import Federation

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
SlugArgument = Annotated[str, typer.Argument(metavar="SLUG", help="Which tenant.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the provider; stands in addresses.")]


class KindOption(StrEnum):
    """Which protocol a provider speaks."""

    OIDC = "oidc"
    SAML = "saml"


@app.command()
def add(
    slug: SlugArgument,
    name: NameArgument,
    kind: Annotated[KindOption, typer.Option(help="Protocol.")] = KindOption.OIDC,
    label: Annotated[str | None, typer.Option(help="What people read on the page; the name if not given.")] = None,
    issuer: Annotated[str | None, typer.Option(help="OpenID: the issuer's address, https://….")] = None,
    client_id: Annotated[str | None, typer.Option(help="OpenID: what the provider calls this service.")] = None,
    public: Annotated[bool, typer.Option("--public", help="OpenID: the client has no secret.")] = False,
    metadata: Annotated[str | None, typer.Option(help="SAML: file or address of the provider's metadata.")] = None,
    domain: Annotated[list[str] | None, typer.Option(help="Accept addresses of this domain only; repeat.")] = None,
    trust_email: Annotated[
        bool, typer.Option("--trust-email", help="Answer for its addresses, verified or not; SAML verifies none.")
    ] = False,
    role: Annotated[str | None, typer.Option(help="Admit strangers with this role.")] = None,
    role_claim: Annotated[str | None, typer.Option(help="Claim or attribute that gives roles.")] = None,
    give: Annotated[list[str] | None, typer.Option(help="WORD=ROLE: what a word of that claim gives; repeat.")] = None,
    run: RunOption = None,
) -> None:
    """Open a way in; the client's secret is read from standard input or asked for. Prints what the provider needs."""
    secret = asked(f"the client's secret at {name}") if kind is KindOption.OIDC and not public else None

    async def work() -> None:
        from core.identity.federation.providers import NewProvider

        async with _opened(run, slug, "add") as place:
            where = await _issuer(place.federation, kind, issuer, metadata)
            new = NewProvider(
                name,
                label or name,
                kind.value,
                where.issuer,
                client_id,
                where.metadata_url,
                where.metadata,
                tuple(domain or ()),
                trust_email,
                role,
                role_claim,
                _pairs(give or ()),
            )
            doors = _doors(place, kind.value, name)
            await place.federation.providers.add(place.scope, new, secret, actor=place.actor)
        typer.echo(f"people of {slug} can sign in through {name}, once it knows this service:")
        print_table(doors)

    asyncio.run(work())


@app.command(name="list")
def list_(slug: SlugArgument, run: RunOption = None) -> None:
    """A tenant's providers."""

    async def work() -> None:
        async with _opened(run, slug, "list") as place:
            found = await place.federation.providers.list(place.scope)
        rows = [(one.name, one.kind, _state(one), one.issuer, one.label) for one in found]
        print_table(rows or [("no providers yet",)])

    asyncio.run(work())


@app.command()
def show(slug: SlugArgument, name: NameArgument, run: RunOption = None) -> None:
    """Everything about one provider, but its secret."""

    async def work() -> None:
        async with _opened(run, slug, "show") as place:
            one = await place.federation.providers.get(place.scope, name)
            rows = [
                ("label", one.label),
                ("kind", one.kind),
                ("state", _state(one)),
                ("issuer", one.issuer),
                ("client", one.client_id or "-"),
                ("secret", "in the vault" if one.has_secret else "none"),
                ("metadata", one.metadata_url or ("kept" if one.metadata else "-")),
                ("domains", ", ".join(one.domains) or "every"),
                ("addresses", "trusted" if one.trusts_email else "as the provider verified them"),
                ("strangers", one.just_in_time_role or "not admitted by themselves"),
                ("roles", f"by {one.role_claim}" if one.role_claim else "the administrators'"),
                *((f"  {word}", role) for word, role in one.roles),
                *_doors(place, one.kind, name),
            ]
        print_table(rows)

    asyncio.run(work())


@app.command()
def test(slug: SlugArgument, name: NameArgument, run: RunOption = None) -> None:
    """Ask a provider all that a sign-in would; exit code 1 if nobody could sign in."""

    async def work() -> None:
        from core.identity.federation.probe import probe

        async with _opened(run, slug, "test") as place:
            one = await place.federation.providers.get(place.scope, name)
            secret = await place.federation.providers.secret(place.scope, one)
            found = await probe(one, secret, place.federation.redirect_uri(slug, name))
        print_table([(each.what, each.found) for each in found])

    asyncio.run(work())


@app.command()
def enable(slug: SlugArgument, name: NameArgument, run: RunOption = None) -> None:
    """Let people in through it again."""
    _set_enabled(slug, name, run, enabled=True)


@app.command()
def disable(slug: SlugArgument, name: NameArgument, run: RunOption = None) -> None:
    """Let nobody in through it, and keep what is known; open sessions go on."""
    _set_enabled(slug, name, run, enabled=False)


def _set_enabled(slug: str, name: str, run: Path | None, *, enabled: bool) -> None:
    async def work() -> None:
        async with _opened(run, slug, "enable" if enabled else "disable") as place:
            await place.federation.providers.set_enabled(place.scope, name, enabled, actor=place.actor)
        typer.echo(f"{name} of {slug} is {'open' if enabled else 'shut'}")

    asyncio.run(work())


@app.command()
def remove(slug: SlugArgument, name: NameArgument, run: RunOption = None) -> None:
    """Close a way in and forget whom it stood for; people and their roles stay, open sessions go on."""

    async def work() -> None:
        async with _opened(run, slug, "remove") as place:
            await place.federation.providers.remove(place.scope, name, actor=place.actor)
        typer.echo(f"{name} of {slug} is removed")

    asyncio.run(work())


@dataclass(frozen=True, slots=True)
class _Place:
    """What a command works with."""

    federation: Federation
    scope: TenantScope
    actor: Actor


@asynccontextmanager
async def _opened(path: Path | None, slug: str, command: str) -> AsyncGenerator[_Place]:
    from cli.vault import vault_of
    from core.audit import Actor
    from core.identity import IdentityService
    from core.identity.federation.providers import Providers
    from core.identity.federation.service import Federation
    from core.run.folder import RunFolder

    settings = load_settings()
    async with tenancy_of(path) as tenancy:
        run = RunFolder.find(path, settings)
        providers = Providers(tenancy, vault_of(tenancy, path))
        federation = Federation(
            tenancy, IdentityService(tenancy, run, settings), providers, run, reached_at(run, settings)
        )
        try:
            yield _Place(federation, await tenancy.get(slug), Actor.command(f"identity providers {command}"))
        finally:
            await federation.close()


@dataclass(frozen=True, slots=True)
class _Where:
    """Where a provider is known from."""

    issuer: str
    metadata_url: str | None = None
    metadata: str | None = None


async def _issuer(federation: Federation, kind: KindOption, issuer: str | None, metadata: str | None) -> _Where:
    if kind is KindOption.OIDC:
        if issuer is None or metadata is not None:
            raise InputError("an OpenID provider is named by its issuer", expected="--issuer https://…")
        await federation.oidc.published(issuer)
        return _Where(issuer)
    if metadata is None or issuer is not None:
        raise InputError("a SAML provider is named by its metadata", expected="--metadata FILE or --metadata https://…")
    if "://" in metadata:
        return _Where((await federation.saml.at(metadata)).entity_id, metadata_url=metadata)
    from core.identity.federation.saml.metadata import parse

    try:
        text = Path(metadata).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("the metadata cannot be read", received=str(error), where=metadata) from error
    return _Where(parse(text, where=metadata).entity_id, metadata=text)


def _pairs(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    # The last sign of equality: words of a directory have them (`cn=plant-a,ou=groups`), codes of roles have none.
    parts = [one.rpartition("=") for one in given]
    return tuple((word, role) for word, _, role in parts)


def _doors(place: _Place, kind: Kind, name: str) -> list[tuple[str, str]]:
    """What the provider's administrator must enter there."""
    if kind == "oidc":
        return [("redirect URI", place.federation.redirect_uri(place.scope.slug, name))]
    door = place.federation.door(place.scope.slug, name)
    return [("entity id and metadata", door.entity_id), ("assertion consumer service", door.acs)]


def _state(provider: Provider) -> str:
    return "open" if provider.enabled else "shut"
