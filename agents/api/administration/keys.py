"""`/api/v1/api-keys`: keys of the programs that act in the caller's tenant."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agents.api.administration.door import Administration, administration
from core.identity.api_keys import KeyRecord, NewKey

router = APIRouter(prefix="/api/v1/api-keys", tags=["Administration"])
_Keys = Annotated[Administration, Depends(administration("PLATFORM.MANAGE_KEYS"))]


class NewKeyForm(BaseModel):
    """A key for a service principal, which is made with its first one."""

    model_config = ConfigDict(extra="forbid")

    principal: str = Field(max_length=100)
    purpose: str = Field(max_length=200)
    roles: list[str] = Field(min_length=1, max_length=50)
    limited_to: list[str] | None = Field(None, max_length=500)
    """The only permissions of those roles that the key may use."""
    per_minute: int | None = None
    """Requests it may make; the service's own figure if not given."""
    expires_at: AwareDatetime | None = None
    """When it stops working; never, if not given."""


@router.get("")
async def keys(door: _Keys) -> list[KeyRecord]:
    """Every key, also those that have ended; nothing of their secret parts is kept."""
    return await door.accounts.api_keys.all(door.scope)


@router.post("", status_code=201)
async def create(form: NewKeyForm, door: _Keys) -> NewKey:
    """Make a key, shown this once, for the `Authorization: Bearer` header."""
    return await door.accounts.api_keys.create(
        door.scope,
        form.principal,
        form.purpose,
        form.roles,
        limited_to=form.limited_to,
        per_minute=form.per_minute,
        expires_at=form.expires_at,
        by=door.by,
    )


@router.delete("/{key_id}", status_code=204)
async def revoke(key_id: UUID, door: _Keys) -> None:
    """End a key for good; it stops working within seconds."""
    await door.accounts.api_keys.revoke(door.scope, key_id, by=door.by)
