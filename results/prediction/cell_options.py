"""What a cell is asked by, as options: `fenmark predict` and `fenmark forecast` take them alike."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "ConcurrencyOption",
    "DpOption",
    "EngineOption",
    "EpOption",
    "IslOption",
    "OslOption",
    "PrecisionOption",
    "TpOption",
]

_MOST = 10_000_000

IslOption = Annotated[int, typer.Option(min=1, max=_MOST, help="Tokens of a prompt.")]
OslOption = Annotated[int, typer.Option(min=1, max=_MOST, help="Tokens of an answer.")]
ConcurrencyOption = Annotated[int, typer.Option(min=1, max=_MOST, help="Requests under way.")]
PrecisionOption = Annotated[str, typer.Option(help="Of the weights: bf16, fp8, fp4, int4.")]
EngineOption = Annotated[str, typer.Option(help="Such as vllm, sglang, trtllm.")]
TpOption = Annotated[int, typer.Option(min=1, max=1024, help="Ranks that share attention.")]
DpOption = Annotated[int, typer.Option(min=1, max=1024, help="Groups with sequences of their own.")]
EpOption = Annotated[int, typer.Option(min=1, max=1024, help="Ranks that share out experts.")]
