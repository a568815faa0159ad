"""Views of the board as it was: how every page of one says so, and which days there are to see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Collection

    from leaderboard.read.archives import Archive
    from leaderboard.words import Words

__all__ = ["FOLDER", "PastView", "context", "past_view"]

FOLDER = "as-of"
# Days that a page lists of a log, newest first; the command shows any other, too.
_DAYS = 400
_REST = (
    "Catalogue, laws and documents are today's; forecasts and what others published are left out."
)
_BODY = re.compile(r"<body[^>]*>")


@dataclass(frozen=True, slots=True)
class PastView:
    """What a view of the past says of itself.

    Attributes:
        name: a day or a number of entries.
        label: names it to those who hear the page.
        says: HTML, without links.
        removed: of how many results the envelopes went later, as HTML; empty: of none.
        history: names the page that lists the days.
        today: link to the board as it is; empty where its address is not known.
    """

    name: str
    label: str
    says: str
    removed: str
    history: str
    today: str

    def mark(self, page: str, root: str | None) -> str:
        """Return a page that says what it is and asks search engines to pass by.

        Args:
            root: way from the page to the root of its language; None: it is read at any address.
        """
        links = []
        if root is not None:
            history = f'<a href="{root}{FOLDER}/">{self.history}</a>'
            removed = self.removed and f'<a href="{root}{FOLDER}/#removed">{self.removed}</a>'
            links = [removed, history, self.today]
        notice = " ".join(filter(None, (self.says, *links)))
        banner = f'<aside class="fm-past" aria-label="{self.label}"><p>{notice}</p></aside>'
        page = page.replace("<head>", '<head><meta name="robots" content="noindex">', 1)
        return _BODY.sub(lambda body: body[0] + banner, page, count=1)


def past_view(_: Words, archive: Archive, site_url: str) -> PastView | None:
    """Return what the pages of a language say where the archive is read as it was.

    Args:
        site_url: with a slash at the end; empty: not known.
    """
    moment = archive.moment
    if moment is None:
        return None
    entries = f"{sum(log.size for log in archive.log_days):,}"
    if moment.day:
        when = _("Past view: the board at the end of {day}, with {n} log entries.")
    else:
        when = _("Past view: the board when its log had {n} entries.")
    rest = _(_REST)
    below = f"{FOLDER}/{moment.name}/"
    board = site_url.removesuffix(below)
    if _.lang != "en":
        board += f"{_.lang}/"
    removed = len(archive.removed_later)
    return PastView(
        name=moment.name,
        label=str(Markup.escape(_("Past view"))),
        says=f"<b>{when.format(day=moment.day, n=entries)}</b> {rest}",
        removed=_("Removed later: {n} of its results.", n=removed) if removed else "",
        history=_("What changed when"),
        today=str(Markup('<a href="{}">{}</a>').format(board, _("The board of today")))
        if site_url.endswith(below)
        else "",
    )


def context(archive: Archive, built: Collection[str]) -> dict[str, Any]:
    """Return what the page of days shows.

    Args:
        built: names of the views that stand below it.
    """
    return {
        "logs": archive.log_days,
        "most": _DAYS,
        "built": built,
        "removed": sorted(archive.removed_later.items()),
    }
