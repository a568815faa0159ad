"""A record that a stranger may have written: exact types, no field more, never changed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["StrictModel"]


class StrictModel(BaseModel):
    """A pydantic model that takes no "1" for 1, refuses names it does not know, and is frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
