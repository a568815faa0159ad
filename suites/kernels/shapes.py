"""The documentation's table of shapes: `python -m suites.kernels.shapes` prints the page."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from suites.kernels.families import FAMILIES, Sizes, works
from suites.kernels.families.registry import explain
from suites.models import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from suites.kernels.backends.work import Work
    from suites.models import Geometry

__all__ = ["page"]

# The token counts of the table; a profile has its own (`suites/kernels/profiles.py`).
SIZES = Sizes(prefill=512, decode=(1,), batch=8, context=4096, peak=2048)
DTYPE = "bf16"
# One of each kind of shape; the others differ in numbers only.
MODELS = (
    "tiny-15m", "qwen2.5-0.5b", "llama-3.1-8b", "qwen3-8b", "qwen3-30b-a3b", "llama-3.1-70b",
    "gpt-oss-120b", "deepseek-v3",
)  # fmt: skip
# Operand of the memory tests in the table: a server CPU's 32 MiB of last-level cache.
OPERAND_BYTES = 32 * 2**20

_HEAD = f"""# Kernel shapes

Generated from the code by `python -m suites.kernels.shapes`; a test keeps it so. Sizes come from
the models' published configurations, {SIZES.prefill} tokens of prefill, one row of decode,
attention over {SIZES.batch} sequences of {SIZES.context} tokens. Bytes are the least that must
move, each operand once, in {DTYPE} (routing and sampling in f32).

## Families and their formulas
"""


def page(say: Callable[[str], str] = str) -> str:
    """Write the whole page in Markdown.

    Args:
        say: English text -> the text in the page's language.
    """
    parts = [say(_HEAD)]
    for family in FAMILIES:
        text = " ".join(inspect.cleandoc(explain(family)).split())
        parts.append(say("**`{family}`**: {text}").format(family=family, text=say(text)) + "\n")
    limits = say("The machine's limits")
    parts.append(f"## {limits}\n")
    parts.append(_table(_limits(), say))
    for model in MODELS:
        geometry = load(model)
        source = say("Source: {source}").format(source=say(geometry.source))
        parts.append(f"## {geometry.name}\n\n{source}\n")
        parts.append(_table(_of(geometry), say))
    return "\n".join(parts)


def _limits() -> Iterator[Work]:
    any_model = load(MODELS[0])
    for family in FAMILIES:
        candidates = works(family, any_model, SIZES, DTYPE, OPERAND_BYTES)
        yield from (work for work in candidates if not work.model)


def _of(geometry: Geometry) -> Iterator[Work]:
    for family in FAMILIES:
        for dtype in (DTYPE, "f32"):
            candidates = works(family, geometry, SIZES, dtype, OPERAND_BYTES)
            if any(work.model for work in candidates):
                yield from candidates
                break


def _table(rows: Iterator[Work], say: Callable[[str], str]) -> str:
    lines = [
        f"| {say('case')} | {say('sizes')} | MFLOP | MB | FLOP/B |",
        "|---|---|---:|---:|---:|",
    ]
    for work in rows:
        name = work.name.removeprefix(f"{work.model}/")
        sizes = ", ".join(f"{key} {value}" for key, value in work.shape.items())
        lines.append(
            f"| `{work.family}/{name}` | `{sizes}` | {work.flops / 1e6:,.2f} | "
            f"{work.bytes / 1e6:,.2f} | {work.intensity:,.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
