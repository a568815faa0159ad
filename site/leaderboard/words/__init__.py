"""The site's words: English in the templates, other languages in one table each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LANGUAGES", "Words"]

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Words:
    """Translate by the English text itself, so that a template reads as a page.

    Attributes:
        lang: "en" or "zh".
        table: English -> translation; a text that is missing stays English.
    """

    lang: str
    table: Mapping[str, str]

    @classmethod
    def load(cls, lang: str) -> Words:
        if lang == "en":
            return cls(lang, {})
        path = Path(__file__).with_name(f"{lang}.toml")
        return cls(lang, tomllib.loads(path.read_text(encoding="utf-8")))

    def __call__(self, text: str, /, **values: object) -> str:
        """Return the text in this language with its `{names}` filled."""
        return self.table.get(text, text).format(**values) if values else self.table.get(text, text)
