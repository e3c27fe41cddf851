"""The data access a module gets: one tenant's database, its own schema to write, published schemas to read."""

from core.connector.catalogue import ColumnInfo
from core.connector.connector import TenantDataConnector, connector_for
from core.connector.declaration import ColumnDeclaration, TableDeclaration
from core.connector.filters import Filters, TimeRange

__all__ = [
    "ColumnDeclaration",
    "ColumnInfo",
    "Filters",
    "TableDeclaration",
    "TenantDataConnector",
    "TimeRange",
    "connector_for",
]
