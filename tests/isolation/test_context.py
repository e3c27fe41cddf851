"""What a tool is given has no place to write a tenant into."""

from __future__ import annotations

import inspect

import pytest

from core.bridge_calls import SiteReader
from core.connector import TenantDataConnector
from core.connector.work import Work
from core.data_service import TenantCoreData
from core.sdk import context as given
from core.sdk import core_data
from lake.reader import LakeReader

_NAMES = {"tenant", "tenant_id", "scope", "slug", "database", "server", "dsn"}
_GIVEN = [
    given.ToolContext, given.LakeReader, given.DataConnector, given.AuditTrail, core_data.CoreDataService,
    TenantDataConnector, Work, TenantCoreData, LakeReader, given.SiteReader, SiteReader,
]  # fmt: skip


@pytest.mark.parametrize("kind", _GIVEN, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_no_call_of_what_a_tool_is_given_takes_a_tenant(kind: type):
    calls = {name: call for name, call in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}
    taken = {
        f"{name}({one.name}: {one.annotation})"
        for name, call in calls.items()
        for one in inspect.signature(call).parameters.values()
        if one.name in _NAMES or any(word in str(one.annotation) for word in ("Tenant", "UUID", "Identity"))
    }

    assert calls
    assert taken == set()
