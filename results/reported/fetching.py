"""Tables that do not ship, brought here: files of a folder, or what lies behind an address."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from results.reported.parts.reading import MOST_BYTES
from suites.base.errors import UserError
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["tables"]

_ENDINGS = (".parquet", ".csv", ".json", ".jsonl")
_LONGEST_S = 600.0
# A name of a file, whatever the address says: no folder, no dot in front.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 120


def tables(source: str, home: Path) -> list[tuple[Path, str]]:
    """List the files of tables of a source, and where each is from.

    Args:
        source: a file, a folder with files in it however deep, or an http(s) address of a file.
        home: folder that gets what is downloaded.

    Raises:
        UserError: there is none, or it cannot be brought here.
    """
    if "://" in source:
        return [(_downloaded(source, home), source)]
    path = Path(source)
    if not path.is_dir():
        return [(path, source)]
    inside = [file for file in sorted(path.rglob("*")) if _is_table(file, path)]
    if not inside:
        raise UserError("holds no table", where=source, expected=", ".join(_ENDINGS))
    return [(file, str(file)) for file in inside]


def _is_table(path: Path, home: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(home).parts)
    return path.suffix in _ENDINGS and path.is_file() and not path.is_symlink() and not hidden


def _downloaded(url: str, home: Path) -> Path:
    import httpx

    parts = urlsplit(url)
    name = _UNSAFE.sub("-", unquote(parts.path).rpartition("/")[2]).lstrip(".-")[-_LONGEST:]
    if parts.scheme not in {"http", "https"} or not name.endswith(_ENDINGS):
        expected = f"http(s)://…/NAME with one of {', '.join(_ENDINGS)}"
        raise UserError("is not an address of a table", where=url, expected=expected)
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=30) as answer:
            if not answer.is_success:
                raise UserError(f"answers {answer.status_code}", where=url, expected="a file")
            data = _body(answer.iter_bytes(), url)
        home.mkdir(parents=True, exist_ok=True)
        write_atomically(home / name, data)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        told = str(error) or type(error).__name__
        raise UserError(f"cannot be fetched: {told}", where=url, remedy="try again") from error
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(home)) from error
    return home / name


def _body(pieces: Iterator[bytes], url: str) -> bytes:
    """Read an answer as far as a table may be large, and as long as it may take."""
    until = time.monotonic() + _LONGEST_S
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > MOST_BYTES:
            raise UserError("does not end", where=url, expected=f"{MOST_BYTES:,} bytes at most")
        if time.monotonic() > until:
            raise UserError("takes too long", where=url, expected=f"{_LONGEST_S:.0f} s at most")
    return bytes(data)
