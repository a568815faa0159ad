"""A power distribution unit, by SNMP version 2c.

RFC 3416 (GetRequest), in ASN.1's basic encoding rules as RFC 3417 section 8 narrows them. Makers
put power under object identifiers and in units of their own, so both are given: ADDRESS is
`host/OID` or `host:port/OID*FACTOR`, such as APC's `pdu/1.3.6.1.4.1.318.1.1.26.4.3.1.5.1*10`
(PowerNet-MIB rPDU2DeviceStatusPower, hundredths of a kilowatt). FENMARK_SNMP_COMMUNITY holds the
community, "public" by default.
"""

from __future__ import annotations

import os
import secrets
import socket
from functools import partial

from suites.base.errors import UserError
from suites.meters.polled import PolledMeter, split_port, wall

__all__ = ["open_meter"]

_PORT, _PERIOD_S, _TIMEOUT_S = 161, 1.0, 2.0
_INTEGER, _OCTETS, _NULL, _OID, _SEQUENCE, _GET, _RESPONSE = 2, 4, 5, 6, 0x30, 0xA0, 0xA2
# INTEGER, Counter32, Gauge32, TimeTicks, Counter64.
_NUMBERS = frozenset({_INTEGER, 0x41, 0x42, 0x43, 0x46})


def open_meter(address: str, accuracy_percent: float | None) -> PolledMeter:
    """Speak of one object of a unit.

    Raises:
        UserError: the address names no object.
    """
    place, _, rest = address.partition("/")
    oid, _, factor = rest.partition("*")
    if not all(part.isdigit() for part in oid.split(".")) or oid.count(".") < 2:
        raise UserError(
            f"{oid[:80]!r} names no object",
            where="--meter",
            expected="snmp:HOST/OID*FACTOR, whose FACTOR makes watts of its number",
        )
    watts = float(factor or 1)
    host, port = split_port(place, _PORT)
    community = os.environ.get("FENMARK_SNMP_COMMUNITY", "public").encode()
    ask = partial(_get, (host, port), community, oid)
    return PolledMeter(
        info=wall(
            "snmp", "power of a distribution unit or of one of its outlets", accuracy_percent
        ),
        period_s=_PERIOD_S,
        resolution_w=watts,
        ask=lambda: ask() * watts,
    )


def _get(place: tuple[str, int], community: bytes, oid: str) -> int:
    number = secrets.randbelow(2**31)
    variable = _part(_SEQUENCE, _part(_OID, _oid(oid)) + _part(_NULL, b""))
    body = _integer(number) + _integer(0) + _integer(0) + _part(_SEQUENCE, variable)
    message = _part(_SEQUENCE, _integer(1) + _part(_OCTETS, community) + _part(_GET, body))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(_TIMEOUT_S)
        link.connect(place)
        link.send(message)
        return _value(link.recv(2048), number)


def _value(message: bytes, number: int) -> int:
    """Read the number a response holds for our one object."""
    (_, whole), *_ = _parts(message)
    _version, _community, (kind, body) = _parts(whole)
    (_, answered), (_, status), _, (_, variables) = _parts(body)
    if kind != _RESPONSE or int.from_bytes(answered, "big") != number:
        raise ValueError("SNMP: an answer to another question")
    if any(status):
        raise ValueError(f"SNMP: error {int.from_bytes(status, 'big')}")
    ((_, variable),) = _parts(variables)
    _name, (type_, value) = _parts(variable)
    if type_ not in _NUMBERS:
        raise ValueError("SNMP: the object holds no number")
    return int.from_bytes(value, "big", signed=type_ == _INTEGER)


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """Split into (type, content); lengths are short, or long with their own length first."""
    parts = []
    while data:
        length, start = data[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[2:start], "big")
        if start + length > len(data):
            raise ValueError("SNMP: a part is cut off")
        parts.append((data[0], data[start : start + length]))
        data = data[start + length :]
    return parts


def _part(type_: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((type_, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((type_, 0x80 | len(size))) + size + content


def _integer(value: int) -> bytes:
    return _part(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(text: str) -> bytes:
    """Encode an object's path: the first two arcs in one byte, the others in groups of 7 bits."""
    first, second, *arcs = map(int, text.split("."))
    out = bytearray([40 * first + second])
    for arc in arcs:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        out += bytes(reversed(groups))
    return bytes(out)
