"""What the search in the header looks through: one small file a language, made with the pages."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from leaderboard.base.text import clean, slug
from leaderboard.pages import page_shells
from leaderboard.words import Words
from leaderboard.words.names import in_chinese
from results.catalog import chip_names
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from leaderboard.output.page_list import Content
    from leaderboard.pages.page_shells import Shells
    from leaderboard.pages.pages import Page

__all__ = ["SearchEntry", "as_file", "entries", "made_of"]

# Template -> what a page is of; other pages are the site's own, and a page below one of those is
# found from there.
_KINDS = {"chip": "chip", "model": "model", "claim": "claim", "reported_chip": "reported"}
# Equal hits are shown in this order.
_ORDER = ("chip", "model", "page", "document", "section", "claim", "reported")
# More names than these come with an archive that is out to be large.
_MOST_NAMES = 40
_HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>', re.DOTALL)
_MARKS = re.compile(r"[\W_]+")


class SearchEntry(NamedTuple):
    """A place to be found; a tuple, because the file holds it as a list.

    Attributes:
        kind: one of the words of the file.
        title: as the page has it.
        url: from the root of the language.
        about: a few words more, may be empty.
        names: what else it is called, in both languages.
    """

    kind: str
    title: str
    url: str
    about: str = ""
    names: Sequence[str] = ()


def as_file(_: Words, content: Content, pages: Iterable[Page], shells: Shells) -> str:
    """Return the index of a language as JSON: words of the search, and a list a place."""
    places = sorted(entries(_, content, pages, shells), key=lambda own: _ORDER.index(own.kind))
    told: dict[str, Any] = {
        "words": {
            "chip": _("Chip"),
            "model": _("Model"),
            "page": _("Page"),
            "document": _("Document"),
            "section": _("Section"),
            "claim": _("Claim"),
            "reported": _("Reported"),
            "count": _("{n} places match"),
            "none": _("Nothing on this site has this name."),
        },
        "places": [[*own[:4], *own.names] for own in places],
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def made_of(content: Content, pages: Iterable[Page], shells: Shells) -> str:
    """Identify what the index of a language is made of."""
    titles = [(page.template, page.url, page.title) for page in pages if _is_found(page)]
    # Of chips and claims the stamp tells, of others' results what they are made of.
    told = f"{content.stamp} {content.reported.made_of} {content.names_of_geometry} {titles}"
    # The shells' folder is named by what they and the documents are made of.
    return hashlib.sha256(f"{shells.root.name} {told}".encode()).hexdigest()


def entries(
    _: Words, content: Content, pages: Iterable[Page], shells: Shells
) -> Iterator[SearchEntry]:
    """Yield every place of a language.

    Args:
        pages: all that were made, in any order.
        shells: of this language, with its documents.
    """
    other = Words.load("zh" if _.lang == "en" else "en")
    names = _names(content)
    about = _about(_, content)
    for page in pages:
        if not _is_found(page):
            continue
        kind = _KINDS.get(page.template, "page")
        title = clean(_(page.title))
        also = map(clean, (*names[page.url], other(page.title)))
        yield SearchEntry(kind, title, page.url, about.get(page.url, ""), _others(title, also))
    yield from _documents(_, shells)


def _is_found(page: Page) -> bool:
    """Say whether the search leads to a page."""
    return not page.bare and (page.template in _KINDS or page.url.count("/") <= 1)


def _names(content: Content) -> Mapping[str, list[str]]:
    """Return what chips, models and claims are also called, by the URLs of their pages."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for chip in content.chips.values():
        names[f"chips/{chip.id}/"].append(in_chinese(chip.name))
    for model in content.models.values():
        names[f"models/{model.id}/"].append(in_chinese(model.name))
    for section in content.reported.sections:
        names[f"reported/{section.id}/"].append(in_chinese(section.chip))
    for part, entry in chip_names.named_parts():
        names[f"chips/{slug(entry)}/"].append(part.rstrip("*"))
    reported = {
        result.model
        for section in content.reported.sections
        for _, result in section.results
        if result.model
    }
    for name in sorted(reported):
        if geometry := known_as(name):
            names[f"models/{slug(geometry)}/"].append(name)
    for geometry, ids in content.names_of_geometry.items():
        names[f"models/{slug(geometry)}/"] += (content.models[own].name for own in ids)
    for view in content.claims:
        claim = view.claim
        names[f"claims/{claim.id}/"] += (claim.who, claim.who_zh, view.chip, view.model)
    return names


def _about(_: Words, content: Content) -> dict[str, str]:
    """Say a few words of chips and claims, by the URLs of their pages."""
    makers = {
        f"chips/{chip.id}/": _(chip.entry.vendor) for chip in content.chips.values() if chip.entry
    }
    claims = {
        f"claims/{own.claim.id}/": own.claim.said_zh if _.lang == "zh" else own.claim.said
        for own in content.claims
    }
    return makers | claims


def _documents(_: Words, shells: Shells) -> Iterator[SearchEntry]:
    """Yield the documents and their chapters; one that is not translated is found in English."""
    own = page_shells.documents(_.lang)
    chinese = Words.load("zh")
    translated = page_shells.documents("zh")
    for name, english in page_shells.documents("en").items():
        title, about = (_(text) for text in own.get(name, english))
        also = (english[0], translated.get(name, english)[0], chinese(english[0]))
        url = f"{name}/" if name in own else f"../{name}/"
        yield SearchEntry("document", title, url, about, _others(title, also))
        if name in own:
            page = (shells.root / name / "index.html").read_text(encoding="utf-8")
            for anchor, heading in _HEADING.findall(page):
                chapter = Markup(heading).striptags()  # noqa: S704 - our own documents
                yield SearchEntry("section", chapter, f"{url}#{anchor}", title)


def _others(title: str, names: Iterable[str]) -> Sequence[str]:
    """Leave out names that the title, or a name before, holds already."""
    kept: list[str] = []
    for name in filter(None, names):
        if len(kept) < _MOST_NAMES and not any(_bare(name) in _bare(own) for own in (title, *kept)):
            kept.append(name)
    return kept


def _bare(name: str) -> str:
    return _MARKS.sub("", name.lower())
