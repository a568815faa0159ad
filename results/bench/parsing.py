"""Strict parsing beside `json.loads`, by shape of document: `python -m results.bench.parsing`."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from results.statement import strict_json
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SHAPES", "main"]

_ITEMS = 100_000
_ROUNDS = 9


def _filled(*items: str) -> bytes:
    """An array of the items, again and again, as long as a document may be."""
    piece = ",".join(items)
    number = min(_ITEMS // len(items), (strict_json.MAX_BYTES - 2) // (len(piece.encode()) + 1))
    return f"[{','.join([piece] * number)}]".encode()


def _text(piece: str) -> bytes:
    return f'"{piece * ((strict_json.MAX_BYTES - 2) // len(piece.encode()))}"'.encode()


def _keyed(name: str) -> bytes:
    members = ",".join(f'"{name}{at}":{at}' for at in range(40_000))
    return f"{{{members}}}".encode()


_ROWS: list[dict[str, Any]] = [
    {"case": f"case-{at}", "value": at * 1.5, "n": at, "labels": {"isl": 512, "valid": True}}
    for at in range(7_000)
]

# What speaks against one is refused. The last ones call for every pass there is.
SHAPES: dict[str, bytes] = {
    "log entry": b'{"envelope":"' + b"ab12" * 16 + b'","type":"result"}',
    "rows": strict_json.canonical(_ROWS),
    "rows, indented": json.dumps(_ROWS, indent=2).encode(),
    "integers": _filled("1"),
    "integers of 15 digits": _filled("123456789012345"),
    "integers of 16 digits": _filled("1234567890123456"),
    "reals": _filled("1.25"),
    "reals of 17 digits": _filled("1.2345678901234567e-05"),
    "reals as printf has them": _filled("1.234560e+05"),
    "true and null": _filled("true", "null"),
    "small objects": _filled('{"a":1}'),
    "empty objects": _filled("{}"),
    "empty arrays": _filled("[]"),
    "objects of five": _filled('{"a":1,"b":2.5,"c":"x","d":null,"e":true}'),
    "keys with escapes": _filled(r'{"a\n":1}'),
    "a wide object": _keyed("k"),
    "a wide object of escaped keys": _keyed(r"k\n"),
    "arrays in arrays": _filled("[" * 3 + "]" * 3, "1", "2"),
    "words": _filled('"abcdefgh"'),
    "digests": _filled('"' + "0e1f" * 16 + '"'),
    "words with escapes": _filled(r'"a\nb"'),
    "words with escaped quotes": _filled(r'"a\"b"'),
    "one long text": _text("a"),
    "one long text of accents": _text("é"),
    "one text of newlines": _text(r"\n"),
    "one text of code points": _text(r"\u00e9"),
    "one text of pairs": _text(r"\ud83d\ude00"),
    "spaces": b" " * (strict_json.MAX_BYTES - 1) + b"1",
    "one key, 100,000 times": b"{" + b",".join([b'"k":1'] * 100_000) + b"}",
    "the largest integers": _filled("9007199254740991"),
    "large exponents": _filled("0e1000"),
    "digests like numbers": _filled('"' + "12345678e0001234" * 4 + '"'),
    "digests in objects": _filled('{"a":"' + "0e1f" * 16 + '"}'),
    "words that look like structure": _filled('{"a":"a,b:c[d]{e},a,b:c[d]{e}"}'),
    "escapes that look odd": _filled(r'{"a":"\\u0000"}'),
    "objects in objects": _filled('{"a":' * 30 + "1" + "}" * 30),
    "true and null in arrays": _filled("[true]", "[null]"),
    "words, reals and integers": _filled('"-12345678901234567"', "1.5", "12"),
    "a key named twice at the end": _filled('{"a":"' + "." * 50 + '"}')[:-1] + b',{"a":1,"a":2}]',
    "a large integer at the end": _filled("1")[:-1] + b",12345678901234567]",
    "NaN at the end": _filled('{"a":1}')[:-1] + b",NaN]",
    "no end": _filled('{"a":1}')[:-1],
    "half a character at the end": _text(r"\ud83d\ude00")[:-13] + rb'\ud83d"',
    "half a character after accents": _text("é")[:-9] + rb'\ud83d"',
    "a byte of no text at the end": _text("é")[:-2] + b'\xff"',
    "words beside escapes": _filled(r'"\ud83d\ude00..........."'),
    "objects beside escapes": _filled('{"a":"' + r"\ud83d\ude00" * 60 + '"}'),
    "objects of a backslash": _filled(r'{"a":"\\"}'),
    "objects of a code point": _filled(r'{"a":"\u00e9"}'),
    "objects of pairs": _filled('{"a":"' + r"\ud83d\ude00" * 5 + '"}'),
    "different objects of a pair": b"["
    + b",".join(rb'{"%d":"\ud83d\ude00"}' % at for at in range(30_000))
    + b"]",
    "different objects of a word": b"["
    + b",".join(b'{"%d":"%d"}' % (at, at) for at in range(40_000))
    + b"]",
    "objects of Chinese": _filled('{"a":"' + "语言模型" * 3 + '"}'),
    "objects of accents": _filled('{"é":"é:"}'),
    "keys of code points": _filled(r'{"\u00e9":1}'),
    "words of a code point": _filled(r'"\u00e9"'),
    "words of a pair": _filled(r'"\ud83d\ude00"'),
    "short reals": b"[0.5,1.5,2.5,1e5]",
}


def main() -> None:
    """Print the time of each shape beside that of `json.loads`; half a minute."""
    ratios = []
    for name, data in SHAPES.items():
        ours_s, theirs_s = _best_s(data)
        ratios.append(ours_s / theirs_s)
        print(
            f"{name}, {len(data):,} bytes: {ours_s * 1e3:.3f} ms, {ratios[-1]:.2f} of json.loads",
            flush=True,
        )
    print(f"at most {max(ratios):.2f} of json.loads")


def _best_s(data: bytes) -> tuple[float, float]:
    """Seconds of work of each parser, in turns, the best of several: a neighbour only slows."""
    calls = 1 + 20_000 // len(data)
    best_s = [float("inf")] * 2
    parsers: tuple[Callable[[bytes], None], ...] = (_strictly, _loosely)
    for _ in range(_ROUNDS):
        for at, parse in enumerate(parsers):
            started = time.thread_time()
            for _ in range(calls):
                parse(data)
            best_s[at] = min(best_s[at], (time.thread_time() - started) / calls)
    return best_s[0], best_s[1]


def _strictly(data: bytes) -> None:
    with suppress(UserError):
        strict_json.loads(data, "shape")


def _loosely(data: bytes) -> None:
    with suppress(ValueError):
        json.loads(data)


if __name__ == "__main__":
    main()
