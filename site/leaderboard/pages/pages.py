"""Fill the shells: templates in, pages out."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from leaderboard.base import text
from leaderboard.read import cache as kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from leaderboard.figures.figures import Result
    from leaderboard.pages.page_shells import Shells
    from leaderboard.pages.past import PastView
    from leaderboard.words import Words

__all__ = ["Page", "Pages", "currency_of"]

_TEMPLATES = Path(__file__).parent.parent / "templates"
# What scripts write behind a figure: currencies, and units with a word of their own in a language.
_UNITS = ("USD", "CNY", "EUR", "Mtok", "h", "J/token", "kWh/Mtok", "tokens/s")


@dataclass(frozen=True, slots=True)
class Pages:
    """Everything needed to make pages of one language.

    Attributes:
        words: translates what the templates say.
        shells: what stands around every page.
        rates: units of each currency for a dollar, by the price sheet; dollars first.
        past: what pages say that show the board as it was; None: it is as it is.
    """

    words: Words
    shells: Shells
    rates: Mapping[str, float] = field(default_factory=lambda: {"USD": 1.0})
    past: PastView | None = None
    _phrases: dict[str, Markup] = field(default_factory=dict)

    def _translated(self, phrase: str, **values: object) -> Markup:
        """Translate a template's own phrase; only the values in it are foreign."""
        known = self._phrases.get(phrase)
        if known is None:
            known = self._phrases[phrase] = Markup(self.words(phrase))  # noqa: S704 - the phrases are ours
        if not values:
            return known
        return known.format(**{name: _finalize(value) for name, value in values.items()})

    def make(self, page: Page) -> str:
        """Return the finished page."""
        made = self._make(page)
        return self.past.mark(made, "../" * page.url.count("/")) if self.past else made

    def _make(self, page: Page) -> str:
        root = "../" * page.url.count("/")
        content = (
            _templates()
            .get_template(f"{page.template}.html")
            .render(
                _=self._translated,
                engines=partial(_engines, self.words),
                listed=self.words.listed,
                notice=partial(_notice, self.words),
                lang=self.words.lang,
                rates=dict(self.rates),
                units={name: told for name in _UNITS if (told := self.words(name)) != name},
                currency=currency_of(self.words.lang, self.rates),
                root=root,
                base=root if self.words.lang == "en" else f"../{root}",
                url=page.url,
                **page.context(),
            )
        )
        if page.bare:
            return str(content)
        return self.shells.fill(
            page.url,
            kind=page.template,
            title=text.clean(self.words(page.title)),
            description=text.clean(self.words(page.about or page.title)),
            content=content,
        )


def currency_of(lang: str, rates: Mapping[str, float]) -> str:
    """Name the currency that a page is made in."""
    return "CNY" if lang == "zh" and "CNY" in rates else "USD"


@cache
def _templates() -> Environment:
    """Compile each template once; foreign strings are cleaned and escaped in all of them."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=kept.Templates(),
    )
    environment.filters["figure"] = text.figure
    environment.filters["stated"] = text.stated
    return environment


def _notice(words: Words, sentence: str) -> str | Markup:
    """Translate a sentence; one that cannot be is marked as English."""
    if words.lang == "en":
        return sentence
    known = words.notice(sentence)
    return known or Markup('<span lang="en">{}</span>').format(text.clean(sentence))


def _engines(words: Words, result: Result) -> list[str]:
    """Name each engine of a run once; processes that differ in flags only are one engine here."""
    return list(
        dict.fromkeys(
            f"{engine.name} {engine.version} · {engine.model} {engine.precision} · "
            + words("{kind} weights", kind=words(engine.weights))
            for engine in result.predicate.engines
        )
    )


def _finalize(value: object) -> object:
    """Clean every plain string that reaches a page; what the templates made is left alone."""
    return text.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to be made.

    Attributes:
        url: "" for the first page, else with a slash at the end.
        title, about: English; translated when the page is made.
        context: returns what the template asks for.
        made_of: identifies the results the page depends on; None for all of them.
        bare: the template is the whole page, to be shown elsewhere, and no part of the site's map.
    """

    template: str
    url: str
    title: str
    about: str = ""
    context: Callable[[], dict[str, Any]] = dict
    made_of: str | None = None
    bare: bool = False
