"""Read the file of a reference, and tell one from another."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pydantic import ValidationError

from suites.base import files
from suites.base.errors import UserError
from suites.quality.agreement import Reference

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["digest_of", "read_reference"]

_MOST_BYTES = 2**26
_EXPECTED = "what `fenmark quality --record` wrote"


def read_reference(path: Path) -> Reference:
    """Read what `fenmark quality --record` wrote.

    Raises:
        UserError: it cannot be read, or is none.
    """
    data = files.read(path, _MOST_BYTES, expected=_EXPECTED)
    try:
        return Reference.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise UserError(first["msg"], where=f"{path}:{field}", expected=_EXPECTED) from error


def digest_of(reference: Reference) -> str:
    """Return SHA-256 of a reference, however its file is laid out."""
    plain = json.dumps(reference.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()
