"""How often a key may be used, and who may make one."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give every key a rate, and administrators of before the right to make keys."""
    # exec_driver_sql: the text has colons and percent signs that SQLAlchemy would take for parameters.
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))
