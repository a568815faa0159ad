"""Names of owners: which of them read the same, and which nobody can tell from others. Pure."""

from __future__ import annotations

import unicodedata

from suites.base.printable import printable

__all__ = ["name_fault", "reads_as"]

# Cyrillic and Greek letters and digits that are drawn as a Latin letter: the commonest of the
# thousands of Unicode Technical Standard 39. Capitals first: a small nu is a v, a large one an N.
_CAPITALS = str.maketrans("АВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEKMHOPCTYXIJSABEZHIKMNOPTYX")  # noqa: RUF001
_SMALL = str.maketrans("аеорсухіјѕԁԛԝһανορυ01i|", "aeopcyxljsdqwhavopuolll")  # noqa: RUF001


def name_fault(name: str) -> str:
    """Say why a name cannot be told from others by reading it; else ""."""
    if printable(name) != name:
        return "has characters that do not show"
    if name != unicodedata.normalize("NFC", name) or name != " ".join(name.split()):
        return "has spaces or accents that could be written in another way"
    return ""


def reads_as(name: str) -> str:
    """Return what a hasty reader sees of a name: the same for names that look alike."""
    capitals = unicodedata.normalize("NFKD", name).translate(_CAPITALS)
    plain = capitals.casefold().translate(_SMALL)
    return "".join(filter(str.isalnum, plain)) or name
