"""`fenmark attest`: a signed, logged result of what another harness measured here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from suites.base.labels import MOST_CHIPS

if TYPE_CHECKING:
    from runners.measure.attest import Attested
    from suites.base.terminal import Terminal

__all__ = ["attest"]

_SUMMARY = "signed by this machine's key, measured by another instrument"


def attest(
    files: Annotated[list[Path], typer.Argument(help="Files as the harness wrote them.")],
    out: Annotated[Path, typer.Option(help="Archive the results are added to.")] = Path(
        "out/results"
    ),
    chip: Annotated[
        str | None,
        typer.Option(
            help="What it ran on, by `fenmark chips`, where that stands behind an endpoint; "
            "else this machine's accelerator, or its CPU."
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, max=MOST_CHIPS, help="How many chips worked.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Id, config.json, folder or .gguf, where the file names no known model."),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="Of the weights, where the file does not say: fp8, q4_0.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Harness, such as vllm; else each file is recognised.")
    ] = None,
    harness_version: Annotated[
        str | None, typer.Option(help="Of the harness, where the file does not say.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Machine-readable, on stdout: a list, one entry a file.")
    ] = False,
) -> None:
    """Turn the output of a harness that was run here into signed, logged results.

    The file lies beside them as it was: everyone who verifies reads it again. They are *attested*:
    below what Fenmark measured, above what others report. What a law flags is signed all the same,
    and said. Exits 1 if nothing of a file is accepted, 2 if a file cannot be read.

    Example: fenmark attest bench.json --chip h100-sxm --count 8 --model llama-3.1-70b
    """
    from results import catalog
    from results.commands.imports import unread
    from results.reported import KINDS
    from runners.measure.attest import Stated
    from runners.measure.attest import attest as attest_file
    from suites.base.errors import UserError
    from suites.base.terminal import Terminal, complain, print_json

    if kind not in {None, *KINDS}:
        raise UserError(f"no harness {kind!r}", where="--kind", expected=", ".join(KINDS))
    stated = Stated(
        kind=kind,
        chip=chip and catalog.require(catalog.match(chip) or chip, "--chip"),
        count=count,
        model=model,
        precision=precision,
        harness_version=harness_version,
    )
    told: list[dict[str, Any]] = []
    broken = 0
    for path in files:
        try:
            attested = attest_file(path, out, stated)
        except UserError as error:
            if len(files) == 1:
                raise
            complain(f"fenmark: {error}")
            told.append({"digest": None, **unread(path, error)})
            broken = max(broken, error.exit_code)
            continue
        told.append(_summary(path, attested))
        _print(Terminal(stderr=json_), told[-1], attested, out)
    if json_:
        print_json(told)
    if broken or not all(file["digest"] for file in told):
        raise typer.Exit(broken or 1)


def _summary(path: Path, attested: Attested) -> dict[str, Any]:
    from results.commands.imports import counts

    about = counts(path, attested.read)
    by_law, digests = sum(attested.refused.values()), [digest for digest, _ in attested.signed]
    findings = [finding for _, judged in attested.signed for finding in judged.findings]
    return {
        "digest": digests[0] if digests else None,
        "digests": digests,
        **about,
        "imported": about["imported"] - by_law,
        "refused": about["refused"] + by_law,
        "flagged": sum(bool(judged.findings) for _, judged in attested.signed),
        "reasons": {**about["reasons"], **attested.refused},
        "file_sha256": attested.sha256,
        "findings": [finding.to_json() for finding in findings],
    }


def _print(terminal: Terminal, told: dict[str, Any], attested: Attested, out: Path) -> None:
    from results.archive import archive
    from results.commands.imports import say_counts
    from runners.measure.report import print_findings

    say_counts(terminal, told, _SUMMARY)
    for digest, judged in attested.signed:
        terminal.say(f"signed   {out / digest}{archive.SUFFIX}", whole=True)
        print_findings(judged, terminal)
    if attested.signed:
        terminal.say(f"check    fenmark verify {out}", whole=True)
