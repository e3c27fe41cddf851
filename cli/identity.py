"""`platform identity providers`: how people come in."""

from __future__ import annotations

import typer

from cli import providers

app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.add_typer(providers.app, name="providers", help="Identity providers of a tenant: OpenID Connect and SAML 2.0.")


@app.callback()
def _group() -> None:
    """Ways in: tenants' identity providers."""
