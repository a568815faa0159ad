"""The readers as a page of the documentation: `python -m results.reported.page` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.reported.recognising import KINDS
from suites.base.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from results.reported.parts.kind import SourceKind

__all__ = ["page", "tables"]

_HEAD = """---
title: Importers
description: Which result files of other harnesses and publishers Fenmark reads, field by field.
---

# Importers

Generated from `results/reported/readers/` by `python -m results.reported.page`; a test keeps it so.

```console
fenmark import bench.json report.yaml --out reported          # each file's kind is detected
fenmark import bench.json --out reported --kind vllm          # or named
fenmark import bench.json --out reported --chip h100-sxm --count 8
fenmark import *.json --out reported --json                   # a list, one entry a file
```

One reader reads one harness or publisher; its table below is what it reads by. `{}` stands for the
statistics a file has: mean, median, std, min, max, p and a percentile. A field that is in no table
is a condition, which the row keeps as a label, or is left out. Conditions that several publishers
have bear one name: see [Labels](labels.md).

- A value that is not a number, is infinite or negative, or in a unit we do not know costs its row,
  and that row alone. A row of more or fewer cells than its table has names is refused: nobody can
  say which is which. A field that stands twice is none. Zero stands for what was not measured,
  except as the least or the spread of a distribution.
- What calls itself simulated, estimated or predicted, file or row, is refused: nobody measured it.
- A time to first token that equals the whole latency is left out: nothing was streamed.
- Chips are those that shared the work: tensor × pipeline × data parallel sizes of every pool.
  Experts lie on the same chips. `--chip` and `--count` stand in the place of what a file says, and
  the row says so: `chip_in_file` and `count_in_file` keep what the file said.
- Energy keeps its scope: chip, node or wall.

Tables of a million rows, such as AIConfigurator's of kernels, do not ship:
`fenmark reported fetch ./tables https://host/gemm_perf.parquet --out kernels` brings and imports
every table of a folder, and what lies behind an address, file by file.

`--json` prints a list with one entry a file: `file`, `kind`, `rows`, `imported`, `folded`,
`refused`, `flagged`, `reasons` (reason → rows), `refused_rows` (the first five of each reason),
`held`, `unchecked`, `findings` and `written`, or, of a file that cannot be read, `error`.

## A receipt for your own file

```console
fenmark attest bench.json                                  # what this machine ran
fenmark attest bench.json --chip h100-sxm --count 8        # what stands behind an endpoint
fenmark attest bench.jsonl --model llama-3.1-70b --precision fp8 --json
fenmark submit out/results --to https://log.example.org
```

`fenmark attest` takes every file that these readers read and makes of it what `fenmark run` makes
of a measurement: a result that is signed, logged and verified like any other, in the suite
`attested`. The harness and its version stand beside every figure, this machine and its meters
beside the result, and the file itself lies in `samples/` under its SHA-256, byte for byte.

- Everyone who verifies reads the file again, with the same reader: `verify`, the API and the site
  refuse a figure that the file does not give. Which version of Fenmark read it first is stated.
- What the file says of its subject stays on the row (`chip_in_file`, `count_in_file`,
  `model_in_file`, `precision_in_file`, `engine_in_file`), and where the signer says otherwise, the
  laws *chip* and *labels* flag it.
- A row that a law refuses is left out, and said; what a law flags is signed and shown with it.
- Rows of several engines, models, precisions or numbers of chips become a result each.
- At most 16 MiB and 2,000 rows: the summary, without every request.

An attested figure says who vouches for it, and no more: how the harness measured is the harness'
own matter. It has the mark ◐, below what Fenmark measured and above what others report.

`--json` prints a list with one entry a file: as above, and `digest` of its first result, `digests`
of all, `file_sha256`.

## How an import ends

| exit | means |
|---|---|
| 0 | every file gave a result |
| 1 | a file gave none: every row was refused |
| 2 | a file cannot be read, or is of no kind we know; the others are imported |
"""


def page() -> str:
    """Return the page, in Markdown."""
    return f"{_HEAD}\n{tables()}"


def tables(translate: Callable[[str], str] = str, name: Callable[[str], str] = str) -> str:
    """Return the readers and what each reads by, in Markdown.

    Args:
        translate: English cell or sentence -> the same in the tables' language.
        name: the same of a publisher's title and footnote, which pages of results say too.
    """
    kinds = sorted(KINDS.values(), key=lambda kind: kind.name)
    what = translate("{title}: {formats}")
    summary = [_row(map(translate, ("kind", "reads"))), "|---|---|"]
    for kind in kinds:
        reads = what.format(title=name(kind.title), formats=translate(kind.formats))
        summary.append(f"| [`{kind.name}`](#{kind.name}) | {reads} |")
    parts = ["\n".join(summary), *(_section(kind, translate, name) for kind in kinds)]
    return "\n\n".join(parts) + "\n"


def _section(kind: SourceKind, translate: Callable[[str], str], name: Callable[[str], str]) -> str:
    head = ("their field", "their unit", "metric", "our unit", "definition")
    about = translate("{title}. {footnote} Licence: {licence}.")
    return "\n".join(
        (
            f"## {kind.name}",
            "",
            about.format(
                title=name(kind.title),
                footnote=name(kind.footnote),
                licence=translate(kind.licence),
            ),
            "",
            _row(map(translate, head)),
            "|---|---|---|---|---|",
            *_lines(kind, translate),
        )
    )


def _lines(kind: SourceKind, translate: Callable[[str], str]) -> Iterator[str]:
    for field in kind.fields:
        metric = f"`{field.metric}`" if field.metric else "-"
        unit = METRICS[field.metric].unit if field.metric else "-"
        cells = (translate(field.unit), metric, translate(unit), translate(field.definition))
        yield _row((f"`{field.theirs}`", *cells))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(page(), end="")
