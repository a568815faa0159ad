"""The written site: only what changed is touched, and only what we wrote is ever removed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from suites.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Tree"]

_MANIFEST = ".fenmark-site.json"


@dataclass(slots=True)
class Tree:
    """A folder being brought to a wanted state.

    Attributes:
        root: the folder; made when missing.
        written: how many files changed so far.
    """

    root: Path
    written: int = 0
    _before: dict[str, str] = field(default_factory=dict)
    _now: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, root: Path) -> Tree:
        """Read what the last build wrote.

        Raises:
            UserError: the folder holds files that no build of ours wrote, or is no folder.
        """
        if root.exists() and not root.is_dir():
            raise UserError("is not a folder", where=str(root), remedy="name another with --out")
        manifest = root / _MANIFEST
        if manifest.is_file():
            try:
                return cls(root, _before=json.loads(manifest.read_bytes()))
            except ValueError:
                return cls(root)  # a torn manifest costs one full rewrite
        if root.is_dir() and any(root.iterdir()):
            raise UserError(
                "holds files that this command did not write",
                where=str(root),
                expected="an empty folder or a site built before",
                remedy="name another with --out",
            )
        # The mark comes first, so that an interrupted build can be gone on with.
        root.mkdir(parents=True, exist_ok=True)
        manifest.write_text("{}", encoding="utf-8")
        return cls(root)

    def put(self, path: str, data: bytes | str) -> None:
        """Write a file of the site unless it stands there already, byte for byte."""
        content = data.encode() if isinstance(data, str) else data
        digest = hashlib.sha256(content).hexdigest()
        self._now[path] = digest
        target = self.root / path
        if self._before.get(path) == digest and target.is_file():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        partial.write_bytes(content)
        partial.replace(target)
        self.written += 1

    def finish(self) -> int:
        """Remove what an earlier build wrote and this one did not; return how many files stand."""
        for path in self._before.keys() - self._now.keys():
            (self.root / path).unlink(missing_ok=True)
        listing = json.dumps(self._now, sort_keys=True, indent=0)
        (self.root / _MANIFEST).write_text(listing, encoding="utf-8")
        return len(self._now)
