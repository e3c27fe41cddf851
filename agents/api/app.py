"""The app: sign-in, chat, tools, the modules' own routes, and a page to talk on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import FileResponse

from agents.api import auth, chat, federation, fleet, links, sessions
from agents.api.administration import invitations, keys, people, roles
from agents.api.headers import Headers
from agents.api.limits import BodyLimit
from agents.api.problems import install_problems
from agents.api.services import Services
from agents.api.signed_in import services, tool_context
from core.sdk.loader import Module

_PAGE = Path(__file__).parent / "page"
_FILES = {"/": "page.html"} | {
    f"/{name}": name for name in ("page.css", "page.js", "session.js", "link.js", "render.js", "icon.svg")
}
Opened = AbstractAsyncContextManager[Services]


def create_app(open_services: Callable[[], Opened], modules: list[Module]) -> FastAPI:
    """The agent service as an ASGI app.

    Args:
        open_services: opened when the app starts, closed when it stops.
        modules: loaded modules, whose routes are mounted under their base paths.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with open_services() as opened:
            app.state.services = opened
            yield

    # The framework's pages over the API load their script from elsewhere; this one needs nothing but this machine.
    app = FastAPI(
        title="Goldlayer agent service",
        version=version("goldlayer"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(Headers)
    install_problems(app)
    app.include_router(_door)
    app.include_router(auth.router)
    app.include_router(federation.by_address)
    app.include_router(federation.router)
    for part in (links, sessions, people, invitations, roles, keys, fleet, chat):
        app.include_router(part.router)
    for module in modules:
        if module.router is not None:
            app.include_router(
                module.router, prefix=module.manifest.api_base_path, dependencies=[Depends(tool_context)]
            )
    for path, name in _FILES.items():
        app.add_api_route(path, _file(name), include_in_schema=False)
    return app


_door = APIRouter()


@_door.get("/health")
async def health(request: Request) -> dict[str, str]:
    """The service is up and can be asked."""
    chain = [f"{provider.name}/{provider.model}" for provider in services(request).executor.providers]
    return {"status": "ok", "version": version("goldlayer"), "providers": ", ".join(chain)}


def _file(name: str) -> Callable[[], FileResponse]:
    def serve() -> FileResponse:
        return FileResponse(_PAGE / name)

    return serve
