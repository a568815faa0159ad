"""From a store to an archive of plain files, the same bytes however often it is done."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from results.archive import archive
from results.proof import checkpoint, moderation, notice, tiles
from results.proof.ledger import Ledger
from results.service import engine as database
from results.service.history import check_rows
from results.service.samples import kept
from results.service.store import envelopes, notices, removed
from suites.base.errors import CheckError, UserError
from suites.base.files import write_atomically
from suites.base.locks import held

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from results.proof.checkpoint import Checkpoint

__all__ = ["PUBLISHED", "check_extends", "publish"]

# In the store's folder: the checkpoint that was last published, for operators.
PUBLISHED = ".published"
_ELSEWHERE = "name another place with --out or --to"


def publish(data: Path, out: Path, *, url: str | None = None) -> int:
    """Write submissions, key files and the log; return the number of entries.

    Works beside a running server: the checkpoint is read first and decides what is written, and
    it is written last. Of unfinished tiles only those of this checkpoint are kept. What stands in
    `out` is extended, and nothing is written where that cannot be.

    Raises:
        UserError: `data` is not a store, or `out` cannot be written.
        CheckError: the archive in `out` is newer, of another log or of another history; or the
            store's rows and log are.
    """
    ledger = Ledger(data / "log")
    if not ledger.exists():
        raise UserError(
            "holds no log", where=str(data), expected="the folder of `fenmark serve --data`"
        )
    with held(data, name=".publish-lock"):
        note = ledger.checkpoint_file.read_bytes()
        head = checkpoint.read(note, str(ledger.checkpoint_file))[0]
        with database.connect(data, url) as engine:
            check_rows(engine, ledger)
        published = Ledger(out / "log")
        there = (published.unverified(), *published.promised())
        check_extends(ledger, head, there, str(published.checkpoint_file))
        _write_below(data, out, head.size, url)
        gone = _removed(data, out, head.size, url)
        _write_log(ledger, out / "log", note, head.size)
        for path in gone:
            path.unlink(missing_ok=True)
        write_atomically(data / PUBLISHED, note)
    return head.size


def check_extends(
    ledger: Ledger, head: Checkpoint, published: Iterable[Checkpoint], where: str
) -> None:
    """Refuse to overwrite an archive that is not the beginning of this log.

    Args:
        head: of the log.
        published: what the archive commits to.

    Raises:
        CheckError: it is newer, of another log or of another history.
    """
    for there in published:
        if not there.size:
            continue
        if there.origin != head.origin:
            raise CheckError(
                f"is of {there.origin}", where=where, expected=head.origin, remedy=_ELSEWHERE
            )
        if there.size > head.size:
            raise CheckError(
                f"has {there.size} entries, the store {head.size}: it is newer",
                where=where,
                expected="an archive that this store's log extends",
                remedy=f"restore the store's newest database and log, or {_ELSEWHERE}",
            )
        root, _ = ledger.prove_at([], there.size)
        if root != there.root:
            raise CheckError(
                f"was forked: its {there.size} entries have root {there.root.hex()[:16]}…, the "
                f"store's first {there.size} have {root.hex()[:16]}…",
                where=where,
                expected="an archive that this store's log extends",
                remedy=f"keep both, they prove it; {_ELSEWHERE}",
            )


def _write_below(data: Path, out: Path, size: int, url: str | None) -> None:
    """Write what the log's entries name."""
    for digest, envelope in envelopes(data, size, url):
        _write(out / "submissions" / f"{digest}{archive.SUFFIX}", envelope)
    for path in kept(data, size, url):
        _write(out / "samples" / path.name, path.read_bytes())
    for path in sorted((data / "runners").glob("*.toml")):
        _write(out / "runners" / path.name, path.read_bytes())
    for digest, envelope in notices(data, size, url):
        _write(notice.place(out, digest), envelope)


def _removed(data: Path, out: Path, size: int, url: str | None) -> list[Path]:
    """List the files of removed results, to be deleted once the log that says so is written.

    Raises:
        CheckError: one was removed while this was being published.
    """
    gone = removed(data, url)
    in_log = {
        told.result
        for digest, envelope in notices(data, size, url)
        if moderation.is_about_result(envelope)
        and (told := moderation.read(envelope, digest)).action == "removed"
    }
    if late := sorted(gone.keys() - in_log):
        raise CheckError(
            f"{late[0][:16]}… was removed while it was being published",
            where=str(data),
            remedy="publish again",
        )
    samples = (
        out / "samples" / f"{sample}.json" for digests in gone.values() for sample in digests
    )
    return [*(out / "submissions" / f"{digest}{archive.SUFFIX}" for digest in gone), *samples]


def _write_log(ledger: Ledger, log: Path, note: bytes, size: int) -> None:
    wanted = tiles.paths(size)
    for name in wanted:
        _write(log / name, ledger.tile(name))
    cosigned = ledger.home / "cosigned"
    if cosigned.is_file() and _size(log / "cosigned") <= _size(cosigned) <= size:
        _write(log / "cosigned", cosigned.read_bytes())
    _write(log / "checkpoint", note)
    _remove_outgrown(log, set(wanted))


def _size(path: Path) -> int:
    return checkpoint.read(path.read_bytes(), str(path))[0].size if path.is_file() else 0


def _write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)


def _remove_outgrown(log: Path, wanted: set[str]) -> None:
    for folder in sorted(log.glob("tile/**/*.p")):
        for path in folder.iterdir():
            if path.relative_to(log).as_posix() not in wanted:
                path.unlink()
        if not any(folder.iterdir()):
            shutil.rmtree(folder)
