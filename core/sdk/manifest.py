"""`module.json`: a closed form. What is declared equals what the code uses; the loader enforces it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from core.connector.tables.consistency import RESERVED_SCHEMAS, inconsistencies
from core.connector.tables.declaration import Name, TableDeclaration
from core.connector.tables.migrations import Migration
from core.connector.tables.module import ModuleTables
from core.errors import InputError
from core.sdk.setting import SettingForm

ModuleCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{2,40}$")]
PermissionCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*$")]
RoleName = Literal["admin", "engineer", "analyst", "viewer"]
SettingKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
ToolName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,62}$")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Permission(_Form):
    """A right the module introduces; without default roles it goes to admins only."""

    code: PermissionCode
    description: str
    default_roles: tuple[str, ...] = ("admin",)


class AgentForm(_Form):
    """Who the module's agent is."""

    persona: str = Field(min_length=20)
    max_iterations: int = Field(default=15, ge=5, le=30)


class SkillForm(_Form):
    """A skill package of the module: a folder with a SKILL.md, and the tools it works with."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,62}[a-z0-9]$")]
    path: str
    tools_required: tuple[ToolName, ...]


class AiForm(_Form):
    """Agent, tools and skills."""

    agent: AgentForm
    tools: tuple[ToolName, ...] = Field(min_length=1)
    skills: tuple[SkillForm, ...] = ()


class Manifest(_Form):
    """A module as the platform sees it."""

    module_code: ModuleCode
    module_name: str = Field(min_length=3)
    module_description: str = Field(min_length=10)
    module_version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    api_base_path: Annotated[str, StringConstraints(pattern=r"^/api/v1/[a-z][a-z0-9-]*$")]
    data_tables: dict[Name, TableDeclaration] = {}
    """The module's own tables in every subscribed tenant's database, as this version has them."""
    data_migrations: tuple[Migration, ...] = ()
    """How tables of earlier versions become these."""
    permissions: tuple[Permission, ...] = ()
    ai: AiForm | None = None
    platform_settings: dict[SettingKey, SettingForm] = {}
    """Defaults and limits the platform's administrator looks after; a tenant may choose where they are not locked."""
    tenant_settings: dict[SettingKey, SettingForm] = {}
    """What every tenant chooses for itself."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Manifest:
        codes = [permission.code for permission in self.permissions]
        if len(set(codes)) != len(codes):
            raise ValueError("a permission is listed twice")
        if both := sorted(self.platform_settings.keys() & self.tenant_settings.keys()):
            raise ValueError(f"the setting {both[0]} is the platform's and the tenant's")
        if any(form.type == "secret" for form in self.platform_settings.values()):
            raise ValueError("a secret is a tenant's setting")
        if self.ai is not None:
            missing = {name for skill in self.ai.skills for name in skill.tools_required} - set(self.ai.tools)
            if missing:
                raise ValueError(f"skills require tools that are not declared: {', '.join(sorted(missing))}")
        return self

    @model_validator(mode="after")
    def _tables_and_migrations_agree(self) -> Manifest:
        if self.schema_name in RESERVED_SCHEMAS:
            raise ValueError(f"module_code would take the platform's own schema {self.schema_name}")
        contradictions = inconsistencies(self.data_tables, self.data_migrations, self.module_version)
        if contradictions:
            raise ValueError(contradictions[0])
        return self

    @property
    def schema_name(self) -> str:
        """Schema of the module's tables in a tenant's database."""
        return self.module_code.lower()

    @property
    def module_tables(self) -> ModuleTables:
        """What is declared of the module's tables."""
        return ModuleTables(self.schema_name, self.module_version, self.data_tables, self.data_migrations)

    @property
    def settings(self) -> dict[str, SettingForm]:
        """Every setting, the platform's first."""
        return self.platform_settings | self.tenant_settings


def load_manifest(path: Path) -> Manifest:
    """Read one `module.json`.

    Raises:
        InputError: unreadable, not JSON, or it does not fit the form; names the first wrong key.
    """
    try:
        return Manifest.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError("module manifest cannot be read", received=error.strerror, where=str(path)) from error
    except json.JSONDecodeError as error:
        raise InputError("module manifest is not JSON", received=str(error), where=str(path)) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the manifest"
        raise InputError(f"{key!r} is wrong", expected=first["msg"], where=str(path)) from error
