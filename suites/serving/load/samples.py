"""One row per request, in Parquet: for those who want to look for themselves."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from suites.base.errors import UserError
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from suites.client.request import Request

__all__ = ["append"]


def append(path: Path, process: int, case: str, requests: Sequence[Request]) -> None:
    """Add one load's requests to the file; a repeated load replaces its earlier rows.

    Columns: process, case, index, session (of a conversation or a trace, -1 for none), turn (from
    1; 0 outside of a session and for a sub-agent's), adapter ("" for the model itself), measured,
    failure, intended_ns, sent_ns, first_token_ns (null where none came), token_ns (list),
    ended_ns, input_tokens, output_tokens, cached_tokens (null where the server says nothing of its
    cache). Times are nanoseconds of the machine's monotonic clock. What an older file lacks is null
    in it.

    Raises:
        UserError: the file cannot be written, or holds something else.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([_row(process, case, request) for request in requests], _schema())
    try:
        if path.exists():
            old = pq.read_table(path, schema=_schema())
            same = pc.and_(pc.equal(old["process"], process), pc.equal(old["case"], case))
            table = pa.concat_tables([old.filter(pc.invert(same)), table])
        buffer = BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        write_atomically(path, buffer.getvalue())
    except (OSError, pa.ArrowException) as error:
        raise UserError(
            f"cannot write the samples ({error})",
            where=str(path),
            expected="a writable path, new or made by an earlier run",
        ) from error


def _schema() -> object:
    import pyarrow as pa

    integer = pa.int64()
    return pa.schema(
        [
            ("process", integer),
            ("case", pa.string()),
            ("index", integer),
            ("session", integer),
            ("turn", integer),
            ("adapter", pa.string()),
            ("measured", pa.bool_()),
            ("failure", pa.string()),
            ("intended_ns", integer),
            ("sent_ns", integer),
            ("first_token_ns", integer),
            ("token_ns", pa.list_(integer)),
            ("ended_ns", integer),
            ("input_tokens", integer),
            ("output_tokens", integer),
            ("cached_tokens", integer),
        ]
    )


def _row(process: int, case: str, request: Request) -> dict[str, object]:
    return {
        "process": process,
        "case": case,
        "index": request.index,
        "session": request.session,
        "turn": request.turn,
        "adapter": request.adapter,
        "measured": request.measured,
        "failure": request.failure,
        "intended_ns": request.intended_ns,
        "sent_ns": request.sent_ns,
        "first_token_ns": request.token_ns[0] if request.token_ns else None,
        "token_ns": list(request.token_ns),
        "ended_ns": request.ended_ns,
        "input_tokens": request.input_tokens,
        "output_tokens": request.output_tokens,
        "cached_tokens": request.cached_tokens,
    }
