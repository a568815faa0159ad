"""A row of a signed result on its own page: every figure, its conditions, how to have it again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from leaderboard.base.text import clean
from leaderboard.figures.figures import points_of
from leaderboard.figures.rows import page_names
from results.archive.archive import SUFFIX
from suites.base.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from leaderboard.figures.figures import BoardPoint, Figure, Result
    from leaderboard.figures.rows import PageRow

__all__ = ["bibtex", "commands", "context"]

_FOLDER = "fenmark-row"
_PERCENTILE = re.compile(r"_p([0-9.]+)$")


def context(
    row: PageRow, result: Result, samples: Sequence[str], site: str, key: str
) -> dict[str, Any]:
    """Return what the page of a row shows.

    Args:
        samples: digests of the raw samples that the site publishes.
        site: its address with a slash at the end, empty where it is not known.
        key: name of the key file of who signed.
    """
    point = _point_of(row, result)
    return {
        "row": row,
        "result": result,
        "point": point,
        "figures": list(_figures(point)),
        "labels": {name: clean(str(value)) for name, value in sorted(point.labels.items())},
        "options": _listed(result.predicate.run.options or {}),
        "conditions": _listed(result.predicate.machine.conditions),
        "packages": _listed(result.predicate.software.packages),
        "samples": samples,
        "reproduce": commands(row.digest, samples, site, key),
        "bibtex": bibtex(row, site),
        "site_url": site,
    }


def _point_of(row: PageRow, result: Result) -> BoardPoint:
    points = points_of(result)
    names = page_names(points)
    return next(p for p in points if names.get((p.suite, p.case)) == row.page)


def _figures(point: BoardPoint) -> Iterator[tuple[str, str, Figure]]:
    """Yield title, percentile and figure, the percentiles of a metric in ascending order."""
    order = {name: place for place, name in enumerate(METRICS)}

    def place(item: tuple[str, Figure]) -> tuple[int, float, str]:
        return order.get(item[1].metric, len(order)), _percentile(item[0]), item[0]

    for name, figure in sorted(point.figures.items(), key=place):
        told = str(figure.labels.get("statistic", "")) or _percentile_word(figure)
        title = METRICS[figure.metric].title if figure.metric in METRICS else clean(name)
        yield title, told, figure


def _percentile(name: str) -> float:
    percentile = _PERCENTILE.search(name)
    return float(percentile[1]) if percentile else 50.0


def _percentile_word(figure: Figure) -> str:
    percentile = figure.labels.get("percentile")
    return "" if percentile is None else f"p{str(percentile).removesuffix('.0')}"


def _listed(stated: Mapping[str, object]) -> dict[str, str]:
    return {clean(name): clean(str(value)) for name, value in sorted(stated.items())}


def commands(digest: str, samples: Sequence[str], site: str, key: str) -> str:
    """Say how to have the result here, to check it and to measure it again, as a shell's lines."""
    fetched = {
        f"{digest}{SUFFIX}": f"statements/{digest}{SUFFIX}",
        f"runners/{key}.toml": f"runners/keys/{key}.toml",
        **{f"samples/{sample}.json": f"samples/{sample}.json" for sample in samples},
    }
    base = site or "SITE/"
    return "\n".join(
        (
            f"mkdir -p {_FOLDER}/runners {_FOLDER}/samples",
            *(f"curl -fo {_FOLDER}/{to} {base}{url}" for to, url in fetched.items()),
            f"fenmark verify {_FOLDER}",
            f"fenmark reproduce {digest[:12]} --results {_FOLDER}",
        )
    )


def bibtex(row: PageRow, site: str) -> str:
    """Return the row as an entry of a bibliography; what a stranger named runs nothing there."""
    title = _bare(f"{row.chip}, {row.model} {row.precision}, {row.engine}: {row.load}")
    return "\n".join(
        (
            f"@misc{{fenmark-{row.digest[:12]}-{row.page},",
            f"  title = {{{title}}},",
            "  author = {{Fenmark}},",
            f"  year = {{{row.date[:4]}}},",
            f"  howpublished = {{\\url{{{site}{row.where}}}}},",
            f"  note = {{signed statement, SHA-256 {row.digest}, {row.date}}},",
            "}",
        )
    )


def _bare(text: str) -> str:
    """Leave out what TeX would act on."""
    return re.sub(r"[\\{}$&#^_~%]", " ", clean(text))
