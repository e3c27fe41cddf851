"""The face a module author gets: everything a module may import stands here, and it fits on one screen.

Names load when they are first used, so that the edge-safe part (`platform_tool`) costs no web framework or driver.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.contracts.evidence import AnyEvidence, Evidence
    from core.errors import DeniedError, InputError, NotFoundError
    from core.sdk import words
    from core.sdk.context import Answer, SiteAnswer, ToolContext
    from core.sdk.core_data import (
        BridgeInstance,
        CoreDataService,
        ModuleSubscription,
        SecretReference,
        TenantProfile,
        TenantUser,
    )
    from core.sdk.entities import (
        Above,
        Below,
        EquipmentId,
        EquipmentIds,
        EquipmentType,
        FaultCode,
        FirstDay,
        FreeText,
        KpiName,
        LastDay,
        SignalName,
        Since,
        SiteName,
        TopN,
        Until,
    )
    from core.sdk.result import Figure, ToolResult, Window
    from core.sdk.sql import load_queries
    from core.sdk.tool import Condition, platform_tool
    from core.vault.secret import Secret

_HOMES = {
    "Above": "core.sdk.entities",
    "Answer": "core.sdk.context",
    "AnyEvidence": "core.contracts.evidence",
    "Below": "core.sdk.entities",
    "BridgeInstance": "core.sdk.core_data",
    "Condition": "core.sdk.tool",
    "CoreDataService": "core.sdk.core_data",
    "DeniedError": "core.errors",
    "EquipmentId": "core.sdk.entities",
    "EquipmentIds": "core.sdk.entities",
    "EquipmentType": "core.sdk.entities",
    "Evidence": "core.contracts.evidence",
    "FaultCode": "core.sdk.entities",
    "Figure": "core.sdk.result",
    "FirstDay": "core.sdk.entities",
    "FreeText": "core.sdk.entities",
    "InputError": "core.errors",
    "KpiName": "core.sdk.entities",
    "LastDay": "core.sdk.entities",
    "ModuleSubscription": "core.sdk.core_data",
    "NotFoundError": "core.errors",
    "Secret": "core.vault.secret",
    "SecretReference": "core.sdk.core_data",
    "SignalName": "core.sdk.entities",
    "Since": "core.sdk.entities",
    "SiteAnswer": "core.sdk.context",
    "SiteName": "core.sdk.entities",
    "TenantProfile": "core.sdk.core_data",
    "TenantUser": "core.sdk.core_data",
    "ToolContext": "core.sdk.context",
    "ToolResult": "core.sdk.result",
    "TopN": "core.sdk.entities",
    "Until": "core.sdk.entities",
    "Window": "core.sdk.result",
    "load_queries": "core.sdk.sql",
    "platform_tool": "core.sdk.tool",
}
_ROOMS = ("words", "web")

__all__ = [
    "Above",
    "Answer",
    "AnyEvidence",
    "Below",
    "BridgeInstance",
    "Condition",
    "CoreDataService",
    "DeniedError",
    "EquipmentId",
    "EquipmentIds",
    "EquipmentType",
    "Evidence",
    "FaultCode",
    "Figure",
    "FirstDay",
    "FreeText",
    "InputError",
    "KpiName",
    "LastDay",
    "ModuleSubscription",
    "NotFoundError",
    "Secret",
    "SecretReference",
    "SignalName",
    "Since",
    "SiteAnswer",
    "SiteName",
    "TenantProfile",
    "TenantUser",
    "ToolContext",
    "ToolResult",
    "TopN",
    "Until",
    "Window",
    "load_queries",
    "platform_tool",
    "words",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"core.sdk.{name}")
    if name not in _HOMES:
        raise AttributeError(f"core.sdk has no {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
