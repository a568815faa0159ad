"""Entries of the log, submissions, digests of raw samples."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entries",
        sa.Column("at", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
    )
    op.create_table(
        "submissions",
        sa.Column("at", sa.Integer(), sa.ForeignKey("entries.at"), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("payload_sha256", sa.String(64), nullable=False),
        sa.Column("keyid", sa.String(64), nullable=False),
        sa.Column("runner", sa.String(64), nullable=False),
        sa.Column("chip", sa.String(256), nullable=False),
        sa.Column("profile", sa.String(16), nullable=False),
        sa.Column("finished_at", sa.String(32), nullable=False),
        sa.Column("received_at", sa.String(32), nullable=False),
        sa.Column("nonce", sa.String(256), nullable=True, unique=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("payload_sha256", "keyid"),
    )
    op.create_index("ix_submissions_chip", "submissions", ["chip"])
    op.create_index("ix_submissions_runner", "submissions", ["runner"])
    op.create_table(
        "samples",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("at", sa.Integer(), sa.ForeignKey("submissions.at"), nullable=False),
    )


def downgrade() -> None:
    for table in ("samples", "submissions", "entries"):
        op.drop_table(table)
