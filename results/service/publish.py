"""From a store to an archive of plain files, the same bytes however often it is done."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from results.archive import archive
from results.proof import checkpoint, notice, tiles
from results.service.samples import kept
from results.service.store import envelopes, notices
from suites.base.errors import UserError
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["publish"]


def publish(data: Path, out: Path, *, url: str | None = None) -> int:
    """Write submissions, key files and the log; return the number of entries.

    Works beside a running server: the checkpoint is read first and decides what is written, and
    it is written last. Of unfinished tiles only those of this checkpoint are kept.

    Raises:
        UserError: `data` is no store, or `out` cannot be written.
    """
    head = data / "log" / "checkpoint"
    if not head.is_file():
        raise UserError(
            "holds no log", where=str(data), expected="the folder of `fenmark serve --data`"
        )
    note = head.read_bytes()
    size = checkpoint.read(note, str(head))[0].size
    for digest, envelope in envelopes(data, size, url):
        _write(out / "submissions" / f"{digest}{archive.SUFFIX}", envelope)
    for path in kept(data, size, url):
        _write(out / "samples" / path.name, path.read_bytes())
    for path in sorted((data / "runners").glob("*.toml")):
        _write(out / "runners" / path.name, path.read_bytes())
    for digest, envelope in notices(data, size, url):
        _write(notice.place(out, digest), envelope)
    wanted = tiles.paths(size)
    for name in wanted:
        _write(out / "log" / name, (data / "log" / name).read_bytes())
    cosigned = data / "log" / "cosigned"
    if cosigned.is_file() and checkpoint.read(cosigned.read_bytes(), str(cosigned))[0].size <= size:
        _write(out / "log" / "cosigned", cosigned.read_bytes())
    _write(out / "log" / "checkpoint", note)
    _remove_outgrown(out / "log", set(wanted))
    return size


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
