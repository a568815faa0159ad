"""`fenmark accept`: is this machine what was sold, and as fast as its like?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["accept"]


def accept(
    expected: Annotated[
        str | None,
        typer.Option(help="What was sold: CHIP[:COUNT] of the catalogue; COUNT of a CPU is cores."),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(help="Earlier `--json` output of this machine, or of its like."),
    ] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(help="Archive of signed results to compare with; default results/public."),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(help="identity, cores, kernels, engine or disk, repeated; default all."),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Engine for prefill and decode, such as vllm.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Its model.")] = None,
    disk: Annotated[Path, typer.Option(help="Folder on the disk that serves weights.")] = Path(),
    html: Annotated[Path | None, typer.Option(help="Write one page of HTML.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Every figure, on stdout.")] = False,
) -> None:
    """Test a machine just rented, bought or repaired; exit 1 when it is slow or not as sold.

    Takes about two minutes on a CPU, and leaves nothing behind. Nothing is signed.

    Examples:

    fenmark accept

    fenmark accept --expected h100-sxm:8 --html acceptance.html

    fenmark accept --expected epyc-9004:2 --part identity --part cores --json

    fenmark accept --before before-repair.json
    """
    from datetime import UTC, datetime

    from runners.accept import references
    from runners.accept.acceptance import PARTS, AcceptanceScope
    from runners.accept.acceptance import accept as test
    from runners.accept.judging import grade
    from runners.accept.report import page, table
    from runners.machine import machine
    from suites.base.errors import UserError
    from suites.base.files import write_atomically
    from suites.base.terminal import Terminal, complain, print_json

    for name in part or ():
        if name not in PARTS:
            raise UserError(f"no part {name!r}", where="--part", expected=" or ".join(PARTS))
    folders = [(disk, "--disk"), (html.parent if html else Path(), "--html")]
    for folder, flag in [*folders, *((home, "--results") for home in results or ())]:
        if not folder.is_dir():
            raise UserError(f"no folder {folder}", where=flag)
    public = Path("results/public")
    asked = AcceptanceScope(
        parts=part or PARTS,
        expected=references.sold(expected) if expected else None,
        before=references.earlier(before) if before else {},
        results=results or ([public] if public.is_dir() else []),
        disk=disk,
        engine={
            name: value
            for name, value in (("engine", engine), ("model", model))
            if value is not None
        },
    )
    graded, absent = test(asked, lambda line: complain(f"  {line}"))
    if html:
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        cards = [card.name for card in machine.accelerators()]
        text = page(graded, absent, machine=", ".join([machine.cpu().name, *cards]), when=when)
        write_atomically(html, text.encode())
    if json_:
        print_json([figure.to_json() for figure in graded])
    else:
        Terminal(piped=160).show(table(graded))
    for line in absent:
        complain(f"  not measured: {line}")
    complain(f"  grade {grade(graded)}")
    if not all(figure.passed for figure in graded):
        raise typer.Exit(1)
