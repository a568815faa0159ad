"""How wide a weight is by the name a publisher gives its precision: the one table of them."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["NARROWEST_BITS", "bits_of"]

# What a weight is taken for whose width is not known: no publisher serves at fewer bits unsaid.
NARROWEST_BITS = 4.0
# Names in the order they are looked for -> bits of one weight, from below: scales stored beside
# the weights are not counted (Q8_0 takes 8.5), and of several widths the narrowest is taken. GPTQ
# is used at 3, 4 and 8 bits, and its "24" is a sparsity, not a width: half the weights of 4 bits,
# each with a place of 2 bits. Containers say nothing of what they hold, and are taken for the
# narrowest in use. Other languages read the patterns too: all are of ASCII.
_NAMES = (
    (r"(\d+(?:\.\d+)?)[ \t]*bpw", None),
    (r"\bw(\d+)a\d+", None),
    (r"\b[it]?q(\d)(?:_|\b)", None),
    (r"(?<![\d.])(\d{1,2})[ \t_-]?bit", None),
    (r"gptq", 3.0),
    (r"awq", 4.0),
    (r"(?:fp|f|float|int|uint|i|u|nf|bf)(\d{1,2})(?!\d)", None),
    (r"e4m3|e5m2", 8.0),
    (r"e2m1", 4.0),
    (r"half", 16.0),
    (r"bitnet|ternary", 1.0),
    (r"compressed[-_]?tensors|bitsandbytes|\bbnb|marlin|modelopt|quark|torchao", NARROWEST_BITS),
)
# Wider in memory than in name.
_STORED = {"tf32": 32.0}
_WIDEST_BITS = 64.0


@lru_cache(maxsize=1024)  # many results, few names; a stranger's are not kept without end
def bits_of(precision: str | None) -> float | None:
    """Return the bits of one weight, from below; None for a name that does not say."""
    name = (precision or "").strip().lower()
    if name in _STORED:
        return _STORED[name]
    for pattern, width in _NAMES:
        if told := re.findall(pattern, name, re.ASCII):
            bits = min(map(float, told)) if width is None else width
            return bits if 1 <= bits <= _WIDEST_BITS else None
    return None
