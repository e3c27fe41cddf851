"""Sessions, refresh tokens that are used once, and people known by an identity provider."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add sessions and what leads to them."""
    # exec_driver_sql: the text has colons and percent signs that SQLAlchemy would take for parameters.
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))
