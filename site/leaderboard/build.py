"""Archives in, site out."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard import (
    archives,
    badges,
    board,
    chips,
    downloads,
    history,
    models,
    overview,
    plots,
    ranking,
    shells,
    sidebyside,
)
from leaderboard.costs import costs_of
from leaderboard.figures import points_of
from leaderboard.pages import Pages
from leaderboard.ranking import BoardRow
from leaderboard.text import slug
from leaderboard.tree import Tree
from leaderboard.words import LANGUAGES, Words
from results import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from leaderboard.archives import Archive
    from leaderboard.chips import ChipView
    from leaderboard.costs import Cost
    from leaderboard.figures import Point, Result
    from leaderboard.models import ModelView
    from results.catalog import PriceSheet

__all__ = ["BuildReport", "build"]

_HERE = Path(__file__).parent
# Rows in the page itself; the live board loads the others, the downloads hold all.
_STATIC_ROWS = 50
_LATEST = 8
# Runs described in full on a chip's page, and configurations on the history page.
_RUNS = 10
_LINES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What a build did.

    Attributes:
        results, chips, pages: how many of each the site shows.
        files: files that stand in the folder.
        written: files that changed.
        refused: (file, why) of envelopes that did not verify.
    """

    out: Path
    results: int
    chips: int
    pages: int
    files: int
    written: int
    refused: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """Everything the pages are made from, language apart."""

    archive: Archive
    chips: Mapping[str, ChipView]
    models: Mapping[str, ModelView]
    points: Sequence[Point]
    rows: Sequence[BoardRow]
    sheet: PriceSheet | None
    site_url: str


def build(results: Sequence[Path], out: Path, base_url: str | None = None) -> BuildReport:
    """Build the site from archives into `out`, touching only files that change.

    Args:
        results: folders with `*.dsse.json`, `log/` and `runners/`.
        base_url: where the site will stand, for canonical links and citations; None leaves
            them out.

    Raises:
        UserError: a folder is missing, or `out` holds files no build wrote.
        CheckError: the documents cannot be rendered.
    """
    tree = Tree.open(out)
    content = _content(archives.read(results), base_url)
    pages = 0
    for lang in LANGUAGES:
        prefix = "" if lang == "en" else f"{lang}/"
        rendered = shells.render(lang, base_url, _cache())
        _put_documents(tree, rendered, prefix)
        for url, html in _pages(Pages.of(Words.load(lang), rendered), content):
            tree.put(f"{prefix}{url}index.html", html)
            pages += 1
        for asset in sorted((_HERE / "assets").iterdir()):
            tree.put(f"{prefix}assets/fenmark/{asset.name}", asset.read_bytes())
    for path, data in (
        *downloads.files(content.points),
        *downloads.proofs(content.archive),
        *board.files(content.rows, content.models),
    ):
        tree.put(f"data/{path}", data)
    for path, image in badges.files(content.rows):
        tree.put(f"badges/{path}", image)
    for path, source in content.archive.files.items():
        tree.put(path, source.read_bytes())
    return BuildReport(
        out=out,
        results=len(content.archive.results),
        chips=len(content.chips),
        pages=pages,
        files=tree.finish(),
        written=tree.written,
        refused=content.archive.refused,
    )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fenmark"


def _content(archive: Archive, base_url: str | None) -> _Content:
    points = [point for result in archive.results for point in points_of(result)]
    sheets = catalog.price_sheets()
    sheet = catalog.latest_prices() if sheets else None
    views = chips.views(archive.results, sheet)
    costs = _costs(archive.results, sheet) if sheet else {}
    return _Content(
        archive=archive,
        chips=views,
        models=models.views(points),
        sheet=sheet,
        site_url=f"{base_url.rstrip('/')}/" if base_url else "",
        points=points,
        rows=ranking.ranked(
            [_row(point, views, costs) for point in points if point.suite != "kernels"]
        ),
    )


def _costs(results: Sequence[Result], sheet: PriceSheet) -> dict[tuple[str, str, str], Cost]:
    return {
        (result.digest, *case): cost
        for result in results
        for case, cost in costs_of(result, sheet).items()
    }


def _row(
    point: Point, views: Mapping[str, ChipView], costs: Mapping[tuple[str, str, str], Cost]
) -> BoardRow:
    return BoardRow(
        point=point,
        chip=views[point.result.chip_id].name,
        model_id=slug(point.model) if point.model else "",
        throughput=point.figures.get("output_throughput") or point.figures.get("decode_throughput"),
        energy=point.figures.get("energy_per_output_token"),
        cost=costs.get((point.result.digest, point.suite, point.case)),
    )


def _put_documents(tree: Tree, rendered: shells.Shells, prefix: str) -> None:
    shell_pages = {"index.html", "shell/index.html", "shell/entity/index.html"}
    unused = ("assets/javascripts/", "assets/images/", "sitemap")
    for path in sorted(rendered.root.rglob("*")):
        name = str(path.relative_to(rendered.root))
        wanted = name not in shell_pages and not name.startswith(unused) and path.suffix != ".map"
        if path.is_file() and wanted:
            tree.put(prefix + name, path.read_bytes())


def _pages(pages: Pages, content: _Content) -> Iterator[tuple[str, str]]:
    """Yield (url, html) of every generated page of a language."""
    _ = pages.words
    outputs = _serving(content.rows)
    rows = [row for row in content.rows if row.throughput]
    prompts = [row for row in content.rows if "prefill_throughput" in row.point.figures]
    by_chip = _by(rows, lambda row: row.point.result.chip_id)
    by_model = _by(rows, lambda row: row.model_id)
    chip_prompts = _by(prompts, lambda row: row.point.result.chip_id)
    model_prompts = _by(prompts, lambda row: row.model_id)
    kernels = _by(
        [point for point in content.points if point.suite == "kernels"],
        lambda point: point.result.chip_id,
    )
    results = _by(content.archive.results, lambda result: result.chip_id)

    def page(
        template: str, url: str, title: str, about: str = "", **context: Any
    ) -> tuple[str, str]:
        return url, pages.make(
            f"{template}.html", url, title=_(title), description=_(about or title), **context
        )

    yield page(
        "overview",
        "",
        "What a million tokens really cost",
        answers=overview.answers(_, content.rows),
        latest=_latest(content.rows),
    )
    yield page(
        "leaderboard",
        "leaderboard/",
        "Leaderboard",
        rows=outputs[:_STATIC_ROWS],
        total=len(outputs),
        words=board.words(_),
    )
    yield page("chips", "chips/", "Chips", chips=list(content.chips.values()))
    for chip in content.chips.values():
        yield page(
            "chip",
            f"chips/{chip.id}/",
            chip.name,
            chip=chip,
            rows=by_chip[chip.id][:_STATIC_ROWS],
            total=len(by_chip[chip.id]),
            prefills=chip_prompts[chip.id][:_STATIC_ROWS],
            site_url=content.site_url,
            kernels=_newest(kernels[chip.id]),
            results=results[chip.id][:_RUNS],
            roofline=plots.roofline(_, _newest(kernels[chip.id]), "../../"),
        )
    yield page("models", "models/", "Models", models=list(content.models.values()))
    for model in content.models.values():
        yield page(
            "model",
            f"models/{model.id}/",
            model.name,
            model=model,
            rows=by_model[model.id][:_STATIC_ROWS],
            total=len(by_model[model.id]),
            prefills=model_prompts[model.id][:_STATIC_ROWS],
        )
    yield page("curves", "curves/", "Curves", curves=_curves(_, content))
    yield page(
        "cost",
        "cost/",
        "Cost",
        rows=_serving(content.rows)[:_STATIC_ROWS],
        sheet=content.sheet,
        words={"fen": _("one fen")},
    )
    yield page(
        "history",
        "history/",
        "History",
        lines=history.lines(content.rows)[:_LINES],
        verdicts=_verdicts(_),
    )
    yield page("docs", "docs/", "Documents", documents=_documents(pages))
    yield page("compare", "compare/", "Compare", **sidebyside.context(_, _serving(content.rows)))
    yield page("runners", "runners/", "Runners and trust", runners=_runners(content.archive))
    yield page("verify", "verify/", "Verify a result")
    yield page("data", "data/", "Data", files=downloads.LISTING)


def _curves(_: Words, content: _Content) -> list[dict[str, Any]]:
    """One chart per model: throughput of different models does not compare."""
    by_model = _by(content.rows, lambda row: row.model_id)
    drawn = [
        {"model": model, "rows": _serving(by_model[model.id])[:_STATIC_ROWS], "chart": chart}
        for model in content.models.values()
        if (chart := plots.curve(_, by_model[model.id], "../"))
    ]
    return sorted(drawn, key=lambda item: -len(item["rows"]))


def _serving(rows: Sequence[BoardRow]) -> list[BoardRow]:
    return [row for row in rows if row.point.suite == "serving" and row.throughput]


def _verdicts(_: Words) -> dict[str, str]:
    return {
        "better": _("faster"),
        "worse": _("slower"),
        "none": _("no difference shown"),
        "unknown": _("no interval: nothing can be concluded"),
    }


def _documents(pages: Pages) -> list[dict[str, Any]]:
    """List the documents; one that is not translated is listed in English, and says so."""
    english = shells.documents("en")
    own = shells.documents(pages.words.lang)
    return [
        {
            "title": own.get(name, document)[0],
            "about": own.get(name, document)[1],
            "url": f"../{name}/" if name in own else f"../../{name}/",
            "foreign": name not in own,
        }
        for name, document in english.items()
    ]


def _newest(points: Sequence[Point]) -> list[Point]:
    """Keep the newest run's kernels: a roof and its kernels must be of one run."""
    newest = points[0].result.digest if points else ""
    return [point for point in points if point.result.digest == newest]


def _by(items: Any, key: Any) -> defaultdict[str, list[Any]]:
    groups: defaultdict[str, list[Any]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _latest(rows: Sequence[BoardRow]) -> list[BoardRow]:
    """Show each result once, by its best row."""
    best: dict[str, BoardRow] = {}
    for row in rows:
        best.setdefault(row.point.result.digest, row)
    newest = sorted(best.values(), key=lambda row: row.point.result.date, reverse=True)
    return newest[:_LATEST]


def _runners(archive: Archive) -> list[dict[str, Any]]:
    groups = _by(archive.results, lambda result: result.keyid)
    return [
        {
            "name": own[0].predicate.run.runner,
            "tier": own[0].key_tier,
            "results": len(own),
            "keyid": keyid,
            "last": max(result.date for result in own),
        }
        for keyid, own in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
