"""The data access a module gets: one tenant's database, its own schema to write, published schemas to read."""

from core.connector.columns import ColumnInfo, TableInfo
from core.connector.connector import TenantDataConnector, connector_for
from core.connector.filters import Filters
from core.connector.tables.declaration import ColumnDeclaration, TableDeclaration
from core.connector.windows import TimeBucket, TimeRange
from core.connector.work import Work

__all__ = [
    "ColumnDeclaration",
    "ColumnInfo",
    "Filters",
    "TableDeclaration",
    "TableInfo",
    "TenantDataConnector",
    "TimeBucket",
    "TimeRange",
    "Work",
    "connector_for",
]
