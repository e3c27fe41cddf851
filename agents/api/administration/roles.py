"""`/api/v1/roles` and `/api/v1/permissions`: what there is to be allowed in the caller's tenant, and to whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from agents.api.administration.door import Administration, administration

router = APIRouter(prefix="/api/v1", tags=["Administration"])
_Roles = Annotated[Administration, Depends(administration("PLATFORM.MANAGE_ROLES"))]
_Readers = Annotated[
    Administration,
    Depends(administration("PLATFORM.MANAGE_ROLES", "PLATFORM.MANAGE_PEOPLE", "PLATFORM.MANAGE_KEYS")),
]
_Permissions = Annotated[list[str], Field(max_length=500)]


class RoleView(BaseModel):
    """A role of the tenant; `members` counts the active ones."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    name: str
    built_in: bool
    permissions: list[str]
    members: int


class PermissionView(BaseModel):
    """A permission, the module that brought it, and the roles that grant it."""

    model_config = ConfigDict(from_attributes=True)

    permission: str
    module: str
    roles: list[str]


class NewRoleForm(BaseModel):
    """A role of the tenant's own."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)
    permissions: _Permissions


class NameForm(BaseModel):
    """Another name."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)


class PermissionsForm(BaseModel):
    """All that a role is to allow."""

    model_config = ConfigDict(extra="forbid")

    permissions: _Permissions


class NewRole(BaseModel):
    """How a new role is called in grants and in the audit log."""

    code: str


@router.get("/roles")
async def roles(door: _Readers) -> list[RoleView]:
    """Roles, templates first."""
    return [RoleView.model_validate(one) for one in await door.accounts.roles.all(door.scope)]


@router.get("/permissions")
async def permissions(door: _Readers) -> list[PermissionView]:
    """Every permission there is."""
    return [PermissionView.model_validate(one) for one in await door.accounts.roles.permissions(door.scope)]


@router.post("/roles", status_code=201)
async def create(form: NewRoleForm, door: _Roles) -> NewRole:
    """Make a role."""
    return NewRole(code=await door.accounts.roles.create(door.scope, form.name, form.permissions, by=door.by))


@router.put("/roles/{code}/name", status_code=204)
async def rename(code: str, form: NameForm, door: _Roles) -> None:
    """Give a role of the tenant's own another name."""
    await door.accounts.roles.rename(door.scope, code, form.name, by=door.by)


@router.put("/roles/{code}/permissions", status_code=204)
async def set_permissions(code: str, form: PermissionsForm, door: _Roles) -> None:
    """Let a role, template or not, allow exactly this; whoever has it follows within seconds."""
    await door.accounts.roles.set_permissions(door.scope, code, form.permissions, by=door.by)


@router.delete("/roles/{code}", status_code=204)
async def delete(code: str, door: _Roles) -> None:
    """Remove a role of the tenant's own that nobody has."""
    await door.accounts.roles.delete(door.scope, code, by=door.by)
