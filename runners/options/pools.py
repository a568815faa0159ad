"""Pools of a disaggregated deployment: instances that only prefill, and others that only decode."""

from __future__ import annotations

import math
import re

from suites.base.errors import UserError

__all__ = ["chips_of"]

_POOL = re.compile(r"(\d+)x((?:(?:tp|pp|dp|ep)\d+)+)")
_AXIS = re.compile(r"(tp|pp|dp|ep)(\d+)")


def chips_of(pool: str, where: str) -> int:
    """Count the chips of a pool: "2xtp8" is two instances of eight, "1xdp32ep32" one of 32.

    Experts lie on the chips of the other axes, so that `ep` adds none.

    Raises:
        UserError: it is written otherwise, or an axis stands twice or is 0.
    """
    match = _POOL.fullmatch(pool)
    axes = _AXIS.findall(match[2]) if match else []
    sizes = {axis: int(size) for axis, size in axes}
    if not match or len(sizes) < len(axes) or not all((int(match[1]), *sizes.values())):
        raise UserError(
            f"{pool!r} is not a pool", where=where, expected="INSTANCESxAXES, such as 2xtp8"
        )
    return int(match[1]) * math.prod(size for axis, size in sizes.items() if axis != "ep")
