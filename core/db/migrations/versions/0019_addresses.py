"""Let an address be several people, one in each tenant."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move what is unique from people to memberships, and ask for people by id."""
    # exec_driver_sql: the text has colons and percent signs that SQLAlchemy would take for parameters.
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))
