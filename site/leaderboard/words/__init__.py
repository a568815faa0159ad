"""The site's words: English in the templates, other languages in tables beside this file."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["LANGUAGES", "Words"]

LANGUAGES = ("en", "zh")
# What stands between the phrases of a list, and a count within one.
_BETWEEN = re.compile(r"(, |; | · )")
_COUNT = re.compile(r"(?<![\w.-])\d+(?![\w.-])")
_NAME = re.compile(r"\\{(\w+)\\}")
_CHINESE_MARKS = {", ": "，", "; ": "；"}


@dataclass(frozen=True)
class Words:
    """Translate by the English text itself, so that a template reads as a page.

    Attributes:
        lang: "en" or "zh".
        table: English -> translation; a text that is missing stays English.
        notices: the same of sentences that the catalogue, the checks and runs say.
    """

    lang: str
    table: Mapping[str, str]
    notices: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, lang: str) -> Words:
        if lang == "en":
            return cls(lang, {})
        return cls(lang, _read(lang), _read(f"{lang}_notices"))

    def __call__(self, text: str, /, **values: object) -> str:
        """Return the text in this language with its `{names}` filled."""
        return self.table.get(text, text).format(**values) if values else self.table.get(text, text)

    def listed(self, text: str) -> str:
        """Translate each phrase of a list, such as "on-demand, 2026-10-01, 5 offers"."""
        if self.lang == "en":
            return text
        marks_and_phrases = _BETWEEN.split(text)
        return "".join(_CHINESE_MARKS.get(part) or self._phrase(part) for part in marks_and_phrases)

    def notice(self, text: str) -> str | None:
        """Translate a sentence, with whatever words stand at its `{names}`; None if unknown."""
        if text in self.notices:
            return self.notices[text]
        for pattern, translation in self._patterns:
            if match := pattern.fullmatch(text):
                return translation.format(**match.groupdict())
        return None

    def _phrase(self, text: str) -> str:
        counts = _COUNT.findall(text)
        names = ("n",) if len(counts) == 1 else ("isl", "osl")
        if text in self.table or len(counts) != len(names):
            return self(text)
        left = iter(names)
        key = _COUNT.sub(lambda _: f"{{{next(left)}}}", text)
        return self(key, **dict(zip(names, counts, strict=True))) if key in self.table else text

    @cached_property
    def _patterns(self) -> Sequence[tuple[re.Pattern[str], str]]:
        return [
            (re.compile(_NAME.sub(_gap, re.escape(english))), chinese)
            for english, chinese in self.notices.items()
            if "{" in english
        ]


def _gap(name: re.Match[str]) -> str:
    """Match what stands at a name, of bounded length: no stranger's text makes it search long."""
    what = "[^;]" if name[1].endswith("_words") else r"[^\s;]"
    return f"(?P<{name[1]}>{what}{{1,64}})"


@cache
def _read(name: str) -> dict[str, str]:
    return tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))
