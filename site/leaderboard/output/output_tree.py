"""The written site: only what changed is made and touched, only what we wrote is ever removed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from leaderboard.read.foreign import listed
from suites.base import files
from suites.base.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["Tree", "built_below"]

_MANIFEST = ".fenmark-site.json"
# Stands while a build changes files: of one that did not come to its end nothing is kept.
_BEGUN = ".fenmark-site.begun"


@dataclass(slots=True)
class Tree:
    """A folder being brought to a wanted state.

    Attributes:
        root: the folder; made when missing.
        changed: the files that were written or replaced so far.
    """

    root: Path
    changed: list[str] = field(default_factory=list)
    # Path -> SHA-256 of the content, and what it was made from where that was said.
    _before: dict[str, list[str]] = field(default_factory=dict)
    _now: dict[str, list[str]] = field(default_factory=dict)
    _present: set[str] = field(default_factory=set)
    _noting: Lock = field(default_factory=Lock)

    @classmethod
    def open(cls, root: Path) -> Tree:
        """Read what the last build wrote.

        Raises:
            UserError: the folder holds files that no build of ours wrote, or a link to another
                folder, or is not a folder.
        """
        if root.exists() and not root.is_dir():
            raise UserError("is not a folder", where=str(root), remedy="name another with --out")
        manifest = root / _MANIFEST
        if manifest.is_file():
            present = _files(root)
            listed = _listed(manifest, begun=_BEGUN in present)
            return cls(root, _before=listed, _present=present)
        if root.is_dir() and any(root.iterdir()):
            raise UserError(
                "holds files that this command did not write",
                where=str(root),
                expected="an empty folder or a site built before",
                remedy="name another with --out",
            )
        # The mark comes first, so that an interrupted build can be gone on with.
        root.mkdir(parents=True, exist_ok=True)
        tree = cls(root)
        tree._replace(_MANIFEST, b"{}")
        return tree

    def put(self, path: str, data: bytes | str, made_of: str = "") -> None:
        """Write a file of the site unless it stands there already, byte for byte.

        Args:
            made_of: identifies everything the data depends on, for `keep`.
        """
        content = data.encode() if isinstance(data, str) else data
        digest = hashlib.sha256(content).hexdigest()
        if not self._stands(path, digest):
            self._write(path, content)
        self._now[path] = [digest, made_of] if made_of else [digest]

    def copy(self, path: str, source: Path, digest: str) -> None:
        """Copy a file whose SHA-256 is known; it is read only when it is not there yet.

        Raises:
            CheckError: it is another file now.
            OSError: it cannot be read, or is a link.
        """
        if not self._stands(path, digest):
            content = files.read_limited(source, follow=False)
            if hashlib.sha256(content).hexdigest() != digest:
                raise CheckError("changed while the site was built", where=str(source))
            self._write(path, content)
        self._now[path] = [digest]

    def keep(self, made_of: str, *paths: str) -> bool:
        """Leave files as they stand if all were made of the same; say whether they were."""
        kept = all(
            path in self._present and self._before.get(path, [])[1:] == [made_of] for path in paths
        )
        if kept:
            self._now |= {path: self._before[path] for path in paths}
        return kept

    def make(self, path: str, made_of: str, content: Callable[[], Iterable[bytes] | str]) -> None:
        """Make a file unless it stands there, made of the same.

        Args:
            made_of: identifies everything the content depends on.
            content: returns text, or pieces of which one at a time need be in memory.
        """
        if self.keep(made_of, path):
            return
        made = content()
        digest = hashlib.sha256()
        target, partial = self._places(path)
        with _fresh(partial) as file:
            for piece in [made.encode()] if isinstance(made, str) else made:
                digest.update(piece)
                file.write(piece)
        if self._stands(path, digest.hexdigest()):
            partial.unlink()
        else:
            self._note(path)
            partial.replace(target)
        self._now[path] = [digest.hexdigest(), made_of]

    def digest(self, path: str) -> str:
        """Return the SHA-256 of a file of this build."""
        return self._now[path][0]

    def place(self, path: str) -> Path:
        """Say where a file of the site stands."""
        return self.root / path

    def finish(self) -> int:
        """Remove what an earlier build wrote and this one did not; return how many files stand."""
        # A list that came with a stranger's folder names what it likes: nothing outside goes.
        for path in (self._before.keys() - self._now.keys()) & self._present:
            (self.root / path).unlink(missing_ok=True)
            self._prune(path)
        if self.changed or self._now != self._before:
            self._replace(_MANIFEST, json.dumps(self._now, sort_keys=True).encode())
        (self.root / _BEGUN).unlink(missing_ok=True)
        self._before = self._now
        self._present |= self._now.keys()
        return len(self._now)

    @property
    def standing(self) -> str:
        """Identify what the last build listed; "" where any of it is gone."""
        if not self._before.keys() <= self._present:
            return ""
        return hashlib.sha256((self.root / _MANIFEST).read_bytes()).hexdigest()

    def _prune(self, path: str) -> None:
        """Remove the folders that a removed file leaves empty."""
        while path := path.rpartition("/")[0]:
            try:
                (self.root / path).rmdir()
            except OSError:  # something stands there
                return

    def _stands(self, path: str, digest: str) -> bool:
        return path in self._present and self._before.get(path, [""])[0] == digest

    def _write(self, path: str, content: bytes) -> None:
        self._note(path)
        self._replace(path, content)

    def _note(self, path: str) -> None:
        """Note what is about to change."""
        with self._noting:  # files are made on two threads
            if not self.changed:
                self._replace(_BEGUN, b"")
            self.changed.append(path)

    def _replace(self, path: str, content: bytes) -> None:
        target, partial = self._places(path)
        with _fresh(partial) as file:
            file.write(content)
        partial.replace(target)

    def _places(self, path: str) -> tuple[Path, Path]:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target, target.with_name(f".{target.name}.partial")


def built_below(folder: Path) -> frozenset[str]:
    """Name the folders in a folder that hold a site."""
    return frozenset(path.parent.name for path in folder.glob(f"*/{_MANIFEST}"))


def _listed(manifest: Path, *, begun: bool) -> dict[str, list[str]]:
    """Return what the last build listed; under no digest where one since was interrupted."""
    try:
        lists = json.loads(manifest.read_bytes())
    except ValueError:
        return {}  # a torn manifest costs one full rewrite
    if not all(isinstance(entry, list) for entry in lists.values()):
        return {}
    return {path: [""] for path in lists} if begun else lists


def _fresh(path: Path) -> BinaryIO:
    """Open a new file to write; what lies there, a link perhaps, is not written through."""
    path.unlink(missing_ok=True)
    return path.open("xb")


def _files(root: Path) -> set[str]:
    """List the plain files below a folder by their paths in it.

    Raises:
        UserError: a folder cannot be read, or is a link: what is written there would go elsewhere.
    """
    plain, odd = listed(root.resolve())
    for path, why in odd.items():
        if (root / path).is_dir():
            raise UserError(
                "is a link to a folder" if (root / path).is_symlink() else why,
                where=str(root / path),
                expected="a site as this command built it",
                remedy="remove the link, or name another folder with --out",
            )
    return set(plain)
