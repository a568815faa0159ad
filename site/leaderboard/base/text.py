"""Make foreign strings fit to print, to link and to name a file."""

from __future__ import annotations

import hashlib
import math
import re
from decimal import ROUND_HALF_UP, Context
from functools import cache, lru_cache

from markupsafe import Markup, escape

from suites.base.printable import printable

__all__ = ["clean", "figure", "prose", "slug", "stated"]

# A name longer than this is an accident or an attack; the signed statement has all of it.
_MAX_SHOWN = 200
_MAX_SLUG = 60
# Hexadecimal digits that tell names apart: 64 bits, so that nobody finds a second name for a page.
_MARK = 16
# What the site calls files of its own, beside those it names after models.
_OURS = re.compile(r"index|.*\.(html|digests)|(.*-)?[0-9a-f]{16}")


# The same few names stand in every row.
@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """Return one line of visible characters, shortened with an ellipsis.

    Escaping for HTML is the template engine's job, not done here.
    """
    return printable(" ".join(text.split()), _MAX_SHOWN)


def prose(text: str) -> Markup:
    """Return a passage that must stand whole, such as a licence's notice: escaped, never cut."""
    return escape(printable(" ".join(text.split()), None))


def slug(text: str) -> str:
    """Return a file name of `[a-z0-9.-]`; what had to be changed is told apart by a digest.

    No two names share one, and none is one of the site's own: a model may be called "index".
    """
    plain = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:_MAX_SLUG].rstrip("-.")
    if plain and plain == text and not _OURS.fullmatch(text):
        return plain
    mark = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_MARK]
    return f"{plain}-{mark}" if plain else mark


def stated(value: float) -> str:
    """Return a datasheet's number as it was published, such as 2,516 or 0.5: never rounded."""
    return f"{value:,.15g}"


@cache
def _rounding(digits: int) -> Context:
    """Round an exact half away from zero, as a browser does."""
    return Context(prec=digits, rounding=ROUND_HALF_UP)


# A page says a figure in two languages, in its table and in its chart.
@lru_cache(maxsize=1 << 16)
def figure(value: float | None, digits: int = 3) -> str:
    """Return a number with `digits` significant digits, such as 12,300 or 0.00789.

    The live table formats by the same rule (`figure` in board.js); a test compares the two.
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    rounded = _rounding(digits).create_decimal_from_float(value)
    mantissa, exponent = f"{rounded:.{digits - 1}e}".split("e")
    power = int(exponent)
    if power < -4 or power >= 9:
        return f"{mantissa}e{power}"
    return f"{float(f'{mantissa}e{power}'):,.{max(0, digits - 1 - power)}f}"
