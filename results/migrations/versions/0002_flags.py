"""Rules that an entry of the log names."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Entries that are in the log already name none.
    flags = sa.Column("flags", sa.String(1024), nullable=False, server_default=" ")
    op.add_column("submissions", flags)


def downgrade() -> None:
    op.drop_column("submissions", "flags")
