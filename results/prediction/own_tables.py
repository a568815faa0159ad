"""What the page *Choose* reads of a machine of one's own: an engine's times on a grid. Pure.

Each time stands with the factor by which its 90% interval reaches up and down; what is refused is
null. Lengths step by √2, so that between two of them lines of logarithms are off by 1% at most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from results.prediction.own import EngineLoad, Unmeasured
from results.prediction.own_width import predict_load

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from results.prediction.own import HeldOutLoad, OwnEngine, Wanted

__all__ = ["LENGTHS", "LOADS", "OWN_TABLES", "tables_of"]

OWN_TABLES = "urn:fenmark:own-tables:v1"
LOADS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
LENGTHS = tuple(round(16 * 2 ** (step / 2)) for step in range(27))


def tables_of(
    asked: Iterable[tuple[OwnEngine, Wanted, Sequence[HeldOutLoad]]],
) -> dict[str, Any]:
    """Tables of what is wanted, each from the engine it is predicted from and that one's errors."""
    return {
        "type": OWN_TABLES,
        "loads": list(LOADS),
        "lengths": list(LENGTHS),
        "engines": [_table(own, wanted, errors) for own, wanted, errors in asked],
    }


def _table(own: OwnEngine, wanted: Wanted, errors: Sequence[HeldOutLoad]) -> dict[str, Any]:
    def at(load: EngineLoad) -> list[float] | None:
        try:
            figure = predict_load(own, load, errors, wanted)
        except Unmeasured:
            return None
        return [float(f"{figure.ms:.5g}"), float(f"{figure.high / figure.ms:.5g}")]

    return {
        "machine": own.machine,
        "engine": f"{own.engine} {own.version}",
        "model": wanted.geometry.id,
        "precision": wanted.precision,
        "measured": f"{own.model}, {own.precision}",
        "decode": [[at(EngineLoad("decode", batch, n)) for n in LENGTHS] for batch in LOADS],
        "prefill": [at(EngineLoad("prefill", 1, n)) for n in LENGTHS],
    }
