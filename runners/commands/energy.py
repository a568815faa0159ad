"""`fenmark energy`: what a power trace of an external meter says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["energy"]

_MOST_OFFSET_S = 100 * 366 * 86_400

energy = typer.Typer(
    help="Energy of a window by an external meter's trace. Example: fenmark energy trace meter.csv",
    no_args_is_help=True,
)


@energy.callback()
def _group() -> None:
    """Energy of a window by an external meter's trace. Example: fenmark energy trace meter.csv"""
    # A group keeps `trace` a named verb while it is the only one.


@energy.command()
def trace(
    file: Annotated[Path, typer.Argument(help="SPEC PTDaemon log, or CSV with time and power.")],
    start: Annotated[
        str | None, typer.Option(help="ISO 8601 (UTC if no zone) or seconds since 1970.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="As --start; without them, the whole.")] = None,
    offset_s: Annotated[
        float, typer.Option(help="Added to the meter's clock: how far it is behind yours.")
    ] = 0.0,
    json_: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Integrate a power trace, whole or between two times, with interpolated edges.

    Example: fenmark energy trace spl.txt --start 2025-07-28T04:22:26.6 --end 2025-07-28T05:03:30
    """
    from dataclasses import asdict

    from suites.base.errors import UserError
    from suites.base.terminal import Terminal, print_json
    from suites.meters import tracefile

    if not abs(offset_s) < _MOST_OFFSET_S:
        raise UserError(f"{offset_s} s", where="--offset-s", expected="less than a century")
    shift_ns = round(offset_s * 1e9)
    window = [_time_ns(text, option) for text, option in ((start, "--start"), (end, "--end"))]
    measured = tracefile.energy(
        tracefile.read(file), *(None if at is None else at - shift_ns for at in window)
    )
    if json_:
        print_json(asdict(measured))
        return
    Terminal().say(
        f"{measured.average_w:.2f} W over {measured.duration_s:.1f} s: {measured.energy_j:.0f} J, "
        f"{measured.samples} samples, longest gap {measured.max_gap_s:.3f} s"
    )


def _time_ns(text: str | None, option: str) -> int | None:
    from suites.base.errors import UserError
    from suites.meters.tracefile import parse_time_ns

    if text is None:
        return None
    try:
        return parse_time_ns(text)
    except ValueError as error:
        raise UserError(
            f"{text!r} is not a time",
            where=option,
            expected="2026-11-23T12:00:00Z or seconds since 1970",
        ) from error
