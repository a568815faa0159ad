"""Registrations, quotas of owners, settings, and what administrators did."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CHANGES = ("UPDATE", "DELETE")


def upgrade() -> None:
    op.create_table(
        "registrations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("keyid", sa.String(64), nullable=False, index=True),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("contact", sa.String(256), nullable=False),
        sa.Column("notice", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.String(32), nullable=False),
        sa.Column("decided_at", sa.String(32)),
        sa.Column("decided_by", sa.String(256)),
        sa.Column("reason", sa.String(1000)),
    )
    op.create_table(
        "owner_quotas",
        sa.Column("owner", sa.String(256), primary_key=True),
        sa.Column("submissions", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
    )
    op.create_table(
        "acts",
        sa.Column("at", sa.Integer, primary_key=True),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
    )
    # What each key brought, and since when: asked for by every list of owners.
    op.create_index("ix_submissions_keyid", "submissions", ["keyid", "received_at"])
    _append_only()


def _append_only() -> None:
    """Have the database refuse to change what was done."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION acts_stay() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'acts are only added'; END $$"
        )
        op.execute(
            "CREATE TRIGGER acts_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON acts "
            "EXECUTE FUNCTION acts_stay()"
        )
        return
    for change in _CHANGES:
        op.execute(
            f"CREATE TRIGGER acts_stay_{change.lower()} BEFORE {change} ON acts "
            "BEGIN SELECT RAISE(ABORT, 'acts are only added'); END"
        )


def downgrade() -> None:
    op.drop_index("ix_submissions_keyid", "submissions")
    for table in ("acts", "settings", "owner_quotas", "registrations"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION acts_stay()")
