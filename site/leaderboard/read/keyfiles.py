"""Key files of archives: read one by one, and written again for the site from what they mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from leaderboard.read.foreign import listed
from results.keys import identity
from suites.base import files
from suites.base.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from results.keys.identity import Runner

__all__ = ["KeyFiles"]


@dataclass(slots=True)
class KeyFiles:
    """The key files of all folders read so far.

    Attributes:
        runners: whose keys they hold, in the order they were read.
        texts: by id, what the site publishes.
        refused: (file, why) of broken ones.
        left_out: (file, why) of what is none.
    """

    runners: list[Runner] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    _keyids: dict[str, str] = field(default_factory=dict)

    def read(self, folder: Path, *, registered: bool = False) -> list[Runner]:
        """Read the key files of a folder and return their runners; a broken one hides no other."""
        plain, odd = listed(folder)
        here = []
        for name in plain:
            if not _is_key_file(name):
                if not registered:  # the catalogue's own notes are nothing that concerns a reader
                    self.left_out.append((str(folder / name), "no key file"))
                continue
            try:
                runner, text = _read(folder / name, registered=registered)
            except UserError as error:
                self.refused.append((str(folder / name), str(error)))
                continue
            here.append(runner)
            self._publish(runner, text, str(folder / name))
        for name, why in odd.items():
            wanted = not name or _is_key_file(name)
            (self.refused if wanted else self.left_out).append((str(folder / name), why))
        self.runners += here
        return here

    def _publish(self, runner: Runner, text: str, where: str) -> None:
        """Take a file for the site; of two keys with one id the first keeps it."""
        if self._keyids.setdefault(runner.id, runner.key.keyid) == runner.key.keyid:
            self.texts.setdefault(runner.id, text)
        else:
            self.refused.append((where, f"not published: another key has the id {runner.id}"))


def _is_key_file(name: str) -> bool:
    return name.endswith(".toml") and "/" not in name


def _read(path: Path, *, registered: bool) -> tuple[Runner, str]:
    """Read a key file; return the runner and the text to publish.

    Raises:
        UserError: it is not a key file, whatever it is.
    """
    try:
        text = files.read_limited(path, follow=False).decode()
        runner, again = identity.read_to_publish(text, str(path), registered=registered)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from error
    # What parsers of TOML and PEM raise on hostile text is not all declared.
    except Exception as error:
        raise UserError(f"is not a key file: {error}", where=str(path)) from error
    if runner.id != path.stem:
        raise UserError(f"holds id {runner.id!r}", where=str(path), expected=path.stem)
    return runner, again
