"""Where Fenmark keeps what belongs to the user and to no archive."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["cache", "home", "models"]


def home() -> Path:
    """Folder of keys, references and prices: FENMARK_HOME, else the user's configuration folder."""
    named = os.environ.get("FENMARK_HOME")
    return Path(named) if named else platformdirs.user_config_path("fenmark", appauthor=False)


def cache() -> Path:
    """Folder for what may be lost at any time."""
    return platformdirs.user_cache_path("fenmark", appauthor=False)


def models() -> Path:
    """Folder of generated models: FENMARK_CACHE, else one in the cache."""
    named = os.environ.get("FENMARK_CACHE")
    return Path(named) if named else cache() / "models"
