"""What machines read first: Atom and JSON Feed, a map of the site, and a guide for programs.

Feeds tell what a reader comes back for: results, regressions, price sheets, claims, and what became
of results.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.base.text import figure
from leaderboard.figures import history
from leaderboard.output import downloads
from leaderboard.pages import page_shells
from results import catalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from leaderboard.output.page_list import Content
    from leaderboard.pages.fen import ClaimView
    from leaderboard.pages.past import PastView
    from leaderboard.words import Words
    from results.proof.moderation import Placed

__all__ = ["Item", "atom", "for_programs", "items", "json_feed", "sitemap"]

_ATOM = "http://www.w3.org/2005/Atom"
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_XHTML = "http://www.w3.org/1999/xhtml"
_MOST = 60
_MIDNIGHT = "T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One piece of news.

    Attributes:
        id: a name that never changes, whatever address the site has.
        url: of the page, from the root of its language.
        date: RFC 3339, UTC.
        kind: "result", "regression", "prices", "claim" or "moderation".
    """

    id: str
    url: str
    title: str
    text: str
    date: str
    kind: str


def items(_: Words, content: Content) -> list[Item]:
    """Return the news of a language, newest first."""
    news = [
        *_results(_, content),
        *_regressions(_, content),
        *(_claim(_, view) for view in content.claims),
        *_sheets(_),
        *(_notice(_, placed) for placed in content.notices[:_MOST]),
    ]
    moment = content.archive.moment
    if moment and moment.day:  # sheets and claims are the catalogue's, which knows later ones
        news = [item for item in news if item.date[:10] <= moment.day]
    return sorted(news, key=lambda item: (item.date, item.id), reverse=True)[:_MOST]


def _results(_: Words, content: Content) -> Iterator[Item]:
    heads = content.newest[:_MOST]
    rows = content.rows[content.rows["digest"].isin(set(heads["digest"]))]
    counts = rows.groupby("digest").size()
    names = rows.groupby("digest")["chip"].first()
    for digest, date, runner in heads[["digest", "finished_at", "runner"]].itertuples(index=False):
        yield Item(
            id=f"urn:fenmark:result:{digest}",
            url=f"verify/?statement={digest}",
            title=_("{chip}: a new signed result", chip=names[digest]),
            text=_("{n} rows by {runner}", n=counts[digest], runner=runner),
            date=date,
            kind="result",
        )


def _regressions(_: Words, content: Content) -> Iterator[Item]:
    for line in history.lines(content.history, _.lang):
        newest = line.changes[0]
        if line.regressed and newest.ratio:
            row = newest.row
            yield Item(
                id=f"urn:fenmark:regression:{row.digest}:{row.case}",
                url="history/",
                title=_("{chip}: slower than the run before", chip=row.chip),
                text=f"{row.model} · {row.load} · ×{figure(newest.ratio.value)}",
                date=row.finished_at,
                kind="regression",
            )


def _notice(_: Words, placed: Placed) -> Item:
    told = placed.notice
    return Item(
        id=f"urn:fenmark:notice:{told.digest}",
        url=f"runners/#notice-{told.digest[:12]}",
        title=_("Result {digest}: {state}", digest=told.result[:12], state=_(told.action)),
        text=told.reason,
        date=placed.time or told.at,
        kind="moderation",
    )


def _claim(_: Words, view: ClaimView) -> Item:
    claim, zh = view.claim, _.lang == "zh"
    return Item(
        id=f"urn:fenmark:claim:{claim.id}",
        url=f"claims/{claim.id}/",
        title=_("Claim: {who}", who=claim.who_zh if zh else claim.who),
        text=f"{claim.said_zh if zh else claim.said} {_(view.judged.verdict)}",
        date=f"{claim.read}{_MIDNIGHT}",
        kind="claim",
    )


def _sheets(_: Words) -> Iterator[Item]:
    for sheet in catalog.price_sheets().values():
        day = sheet.id if len(sheet.id) > 7 else f"{sheet.id}-01"
        yield Item(
            id=f"urn:fenmark:prices:{sheet.id}",
            url="cost/",
            title=_("Price sheet {id}", id=sheet.id),
            text=_("{n} rentals of chips", n=len(sheet.rentals)),
            date=f"{day}{_MIDNIGHT}",
            kind="prices",
        )


def atom(_: Words, news: Sequence[Item], root: str) -> bytes:
    """Return the news as Atom (RFC 4287).

    Args:
        root: address of the language's tree with a slash at the end; empty: links are relative.
    """
    ET.register_namespace("", _ATOM)
    feed = ET.Element(f"{{{_ATOM}}}feed", {"xml:lang": _.lang})
    _add(feed, "id", f"urn:fenmark:feed:{_.lang}")
    _add(feed, "title", "Fenmark")
    _add(feed, "subtitle", _("What a million tokens really cost"))
    _add(feed, "updated", news[0].date if news else f"2026-01-01{_MIDNIGHT}")
    _add(ET.SubElement(feed, f"{{{_ATOM}}}author"), "name", "Fenmark")
    _add(feed, "link", "", rel="self", href=f"{root}feed.xml")
    _add(feed, "link", "", rel="alternate", href=root or "./")
    for item in news:
        entry = ET.SubElement(feed, f"{{{_ATOM}}}entry")
        _add(entry, "id", item.id)
        _add(entry, "title", item.title)
        _add(entry, "updated", item.date)
        _add(entry, "link", "", href=f"{root}{item.url}")
        _add(entry, "category", "", term=item.kind)
        _add(entry, "summary", item.text)
    return _xml(feed)


def _add(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    made = ET.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    made.text = text or None


def _xml(element: ET.Element) -> bytes:
    written: bytes = ET.tostring(element, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def json_feed(_: Words, news: Sequence[Item], root: str) -> bytes:
    """Return the news as JSON Feed 1.1."""
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Fenmark",
        "language": _.lang,
        "home_page_url": root or "./",
        "feed_url": f"{root}feed.json",
        "items": [
            {
                "id": item.id,
                "url": f"{root}{item.url}",
                "title": item.title,
                "content_text": item.text,
                "date_published": item.date,
                "tags": [item.kind],
            }
            for item in news
        ],
    }
    return json.dumps(feed, ensure_ascii=False, indent=1).encode() + b"\n"


def sitemap(pages: Iterable[str], root: str) -> bytes:
    """Return the map of all pages, each in both languages.

    Args:
        pages: URLs of the English tree.
        root: address of the site with a slash at the end.
    """
    ET.register_namespace("", _SITEMAP)
    ET.register_namespace("xhtml", _XHTML)
    urls = ET.Element(f"{{{_SITEMAP}}}urlset")
    for page in pages:
        both = {"en": f"{root}{page}", "zh": f"{root}zh/{page}"}
        for address in both.values():
            url = ET.SubElement(urls, f"{{{_SITEMAP}}}url")
            ET.SubElement(url, f"{{{_SITEMAP}}}loc").text = address
            for lang, other in both.items():
                attributes = {"rel": "alternate", "hreflang": lang, "href": other}
                ET.SubElement(url, f"{{{_XHTML}}}link", attributes)
    return _xml(urls)


def for_programs(root: str, past: PastView | None = None) -> bytes:
    """Return `llms.txt`: what the site holds and where a program finds it (llmstxt.org)."""
    lines = [
        _HEAD.format(past=f"Past view: {past.name}. Not the board of today.\n\n" if past else ""),
        *_links({f"data/{name}": about for name, about in downloads.LISTING}, root),
        *_links(_MORE, root),
        "",
        "## Pages",
        "",
        *_links(_PAGES, root),
        "",
        "## Documents",
        "",
        *_links(
            {f"{name}/": f"{title}. {about}" for name, (title, about) in _documents().items()}, root
        ),
    ]
    return "\n".join(lines).encode() + b"\n"


_HEAD = """\
# Fenmark

> What a million LLM tokens really cost, chip by chip, and the proof: signed measurements,
> others' published results, dated prices, and public claims judged by them.

{past}Measured, modelled and reported figures are never merged: each row names its method. A cost
names its price sheet and class of rental. MLPerf's results compare with each other alone.

## Data
"""
_MORE = {
    "data/openapi.json": "every JSON file of the site, described as OpenAPI 3.1",
    "data/board/best.json": "the best that is known of each model, load and chip",
    "data/board/index.json": "the rows of the board by model, as the live page reads them",
    "feed.xml": "news as Atom: results, regressions, price sheets, claims, moderation",
    "feed.json": "the same as JSON Feed",
    "schema/statement-v2.json": "JSON schema of a signed statement",
}
_PAGES = {
    "leaderboard/": "signed results, ranked within a model and a load",
    "cost/": "cost of a million output tokens, at the sheet's prices or your own",
    "as-of/": "when results came and what became of them, and how to see the board of any day",
    "choose/": "which configuration serves a workload within its limits for least",
    "fen/": "how far each chip is from one fen, and the register of claims",
    "chips/": "every chip of the catalogue with facts, prices and results",
    "forecasts/": "what was forecast before anybody measured, and how it came out",
    "reported/": "what others published, by publisher and chip",
    "verify/": "check a signed result in the browser",
}


def _documents() -> Mapping[str, tuple[str, str]]:
    documents = page_shells.documents("en")
    return {name: told for name, told in documents.items() if name not in {"index", "404"}}


def _links(of: Mapping[str, str], root: str) -> list[str]:
    return [f"- [{url}]({root}{url}): {about}" for url, about in of.items()]
