"""Whose request it is: the peer's address, or the one that a trusted proxy passed on."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Network", "client", "group", "is_trusted", "read_network"]

Network = IPv4Network | IPv6Network

_PREFIX = 64  # bits of an IPv6 address that one household or machine shares


def read_network(text: str) -> Network:
    """Parse a network of proxies, as `10.0.0.0/8`; an address alone is a network of one.

    Raises:
        UserError: it is none, or holds every address there is.
    """
    expected = "an address or a network as 10.0.0.0/8 or fd00::/8"
    try:
        network = ip_network(text)
    except ValueError as error:
        raise UserError(f"{text!r}: {error}", where="--trusted-proxy", expected=expected) from error
    if not network.prefixlen:
        what = f"{text!r} trusts everyone"
        remedy = "name your own proxies only: the header of any other is forged"
        raise UserError(what, where="--trusted-proxy", expected=expected, remedy=remedy)
    return network


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Whether an address is that of a trusted proxy."""
    parsed = _parsed(address) if trusted else None
    return parsed is not None and any(parsed in network for network in trusted)


def client(peer: str, forwarded: Iterable[str], trusted: Sequence[Network]) -> str:
    """Return the rightmost address that no trusted proxy has.

    Each proxy adds at the right whom it heard, so that what stands left of a stranger's address
    is the stranger's own invention.

    Args:
        peer: address of the connection.
        forwarded: values of `X-Forwarded-For`, in order.
        trusted: networks of proxies.
    """
    address = peer
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    while hops and is_trusted(address, trusted):
        hop = hops.pop()
        if _parsed(hop) is None:
            break
        address = hop
    return address


def group(address: str) -> str:
    """Name what shares one limit: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed) >> (128 - _PREFIX) << (128 - _PREFIX), _PREFIX)))
    return address if parsed is None else str(parsed)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
