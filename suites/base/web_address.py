"""Addresses that people give: whether they can be used, and printed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["ascii_host", "is_usable", "names_somebody"]

_HOST = re.compile(r"(?:\w+:)?(?://)?([^/?#]*)")


def is_usable(url: str) -> bool:
    """Whether this is an address of http or https whose host can be looked up."""
    try:
        parts = urlsplit(url)
        named = parts.scheme in {"http", "https"} and bool(ascii_host(parts.hostname))
        return named and parts.port != 0 and url.isprintable() and " " not in url
    except ValueError:
        return False


def names_somebody(url: str) -> bool:
    """Whether a name or a password stands before the host, of an address that need not be one."""
    host = _HOST.match(url)
    return host is not None and "@" in host[1]


def ascii_host(host: str | None) -> str:
    """A host's name as resolvers and servers take it, "" where it is none."""
    try:
        return (host or "").encode("idna").decode()
    except UnicodeError:
        return ""
