"""Which models an endpoint lists: what helps who gave it a name that it does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suites.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suites.client.target import Target

__all__ = ["listed", "said_of"]

_LIMIT_S = 5.0
_MOST, _SHOWN = 10_000, 5
# What an answer that is no list of models raises.
_UNREADABLE = (ValueError, LookupError, TypeError, RecursionError)


def listed(target: Target) -> tuple[str, ...]:
    """Return their names as the endpoint has them; none where it lists none that can be read."""
    import httpx  # a sixth of a second of a cell that asks nobody

    from suites.client.bounded_answers import BoundedTransport

    transport = BoundedTransport(verify=target.tls or False)
    with httpx.Client(transport=transport, timeout=_LIMIT_S, trust_env=False) as client:
        try:
            answer = client.get(target.listing, headers=[*target.own_headers])
            models = answer.json()["data"] if answer.status_code == 200 else []
            names = [model["id"] for model in models[:_MOST]]
        except (httpx.HTTPError, httpx.InvalidURL, *_UNREADABLE):
            return ()
    return tuple(name for name in names if isinstance(name, str))


def said_of(model: str, names: Sequence[str]) -> str:
    """Say how many there are, and which if the one asked for is not among them."""
    if not names:
        return "lists no models"
    counted = f"lists {len(names)} model{'s' * (len(names) > 1)}"
    if model in names:
        return counted
    shown = ", ".join(printable(name, 60) for name in names[:_SHOWN])
    more = ", …" if len(names) > _SHOWN else ""
    return f"{counted}, {printable(model, 60)} not among them: {shown}{more}"
