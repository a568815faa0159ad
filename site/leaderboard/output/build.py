"""Archives in, site out."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from leaderboard.base.workers import Workers
from leaderboard.figures.rows import address, as_shown, shown
from leaderboard.figures.tables import MONEY, SCHEMA, Beside
from leaderboard.output import (
    downloads,
    feeds,
    openapi,
    page_list,
    reported_files,
    search_index,
    timelines,
)
from leaderboard.output.build_report import BuildReport
from leaderboard.output.dictionary import POINTS, REPORTED, table_schema
from leaderboard.output.output_tree import built_below
from leaderboard.pages import badges, best, board, choose, embeds, front, page_shells, past
from leaderboard.pages import reported as reported_rows
from leaderboard.pages.pages import Pages
from leaderboard.read import archives, forecasts, known, reported
from leaderboard.words import LANGUAGES, Words
from results import catalog
from results.catalog.prices_data import read_sheet
from results.economy.own_prices import Own, own_prices
from suites import models
from suites.base import user_folders
from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from leaderboard.output.output_tree import Tree
    from leaderboard.output.page_list import Content
    from leaderboard.pages.pages import Page
    from leaderboard.pages.past import PastView
    from results.archive.past import Moment
    from results.catalog import PriceSheet
    from results.proof.cosignature import Policy

__all__ = ["build_all"]

_HERE = Path(__file__).parent.parent
# One process makes the downloads of some 5,000 small results in the time others take to start.
_WORTH_PROCESSES = 8000


def build_all(
    tree: Tree,
    results: Sequence[Path],
    base_url: str | None,
    others: Sequence[Path],
    policy: Policy | None,
    *,
    price_sheet: Path | None,
    moment: Moment | None,
    clock: datetime,
) -> tuple[BuildReport, bool]:
    """Bring a site to what the archives hold, making and touching only what changes.

    Args:
        tree: where it is to stand; the others as for `build`.

    Returns:
        What was done; and whether it holds later, too, while none of what was read changes.

    Raises:
        UserError, CheckError: as `build`.
    """
    sheet = _sheet(price_sheet, moment)
    with Workers() as workers:
        archive = archives.read(results, sheet, workers, policy, moment, clock=clock)
        # Neither the files of others nor scores have a place in the log.
        others_results = reported.read([] if moment else [*results, *others], sheet)
        forecast = forecasts.read([] if moment else results)
        content = page_list.Content(archive, others_results, sheet, base_url, forecast)
        content.past_views = built_below(tree.root / past.FOLDER)
        pages = _put_all(tree, content, base_url, workers)
    report = BuildReport(
        out=tree.root,
        results=len(archive.sources),
        reported=sum(publisher.total for publisher in content.reported.publishers),
        chips=len(content.chips),
        pages=pages,
        files=tree.finish(),
        written=len(tree.changed),
        refused=(*archive.refused, *others_results.refused, *forecast.refused),
        left_out=archive.left_out,
    )
    return report, not archive.early


def _sheet(path: Path | None, moment: Moment | None) -> PriceSheet | None:
    """Read the prices of a site. No one machine's own price is among them: it shows many."""
    if path is None and moment and moment.day:
        return next(reversed(catalog.prices_known(moment.day)), None)
    if path is None:
        return catalog.latest_prices() if catalog.price_sheets() else None
    money = own_prices(read_sheet(path))
    if money.own != Own():
        raise UserError(
            "is of one machine, and a site shows many",
            where=f"{path}:own",
            expected="[[rentals]] and [[purchases]] of chips",
        )
    return money.sheet


def _put_all(tree: Tree, content: Content, base_url: str | None, workers: Workers) -> int:
    """Put every file; return how many pages there are."""
    archive = content.archive
    in_full = [digest for chip in content.chips for digest in content.runs_of(chip)]
    content.timelines = timelines.put(tree, archive, in_full)
    _put_downloads(tree, content, workers)
    urls = _put_pages(tree, content, base_url)
    _put_for_machines(tree, content, urls)
    _put_board(tree, content)
    _put_reported(tree, content)
    _put_choices(tree, content)
    for name, data in downloads.proofs(archive):
        tree.put(f"data/{name}", data)
    tree.put("data/points.schema.json", table_schema(POINTS, SCHEMA))
    tree.put("data/openapi.json", openapi.document(content.site_url))
    tree.put("data/reported.schema.json", table_schema(REPORTED, reported_files.SCHEMA))
    for version, data in known.schemas():
        tree.put(f"schema/statement-v{version}.json", data)
    for digest, source in archive.sources.items():
        tree.copy(f"statements/{digest}.dsse.json", source.path, digest)
    for digest, file in content.samples.items():
        tree.copy(f"samples/{digest}.json", file, digest)
    for path, (file, digest) in archive.log_files.items():
        tree.copy(path, file, digest)
    for name, text in archive.key_files.items():
        tree.put(f"runners/keys/{name}.toml", text)
    return len(urls) * len(LANGUAGES)


def _put_for_machines(tree: Tree, content: Content, urls: Sequence[str]) -> None:
    """Put feeds and guides; a map and its robots.txt need to know where the site will stand."""
    root = content.site_url
    for lang in LANGUAGES:
        words, prefix = Words.load(lang), "" if lang == "en" else f"{lang}/"
        news = feeds.items(words, content)
        tree.put(f"{prefix}feed.xml", feeds.atom(words, news, f"{root}{prefix}" if root else ""))
        tree.put(
            f"{prefix}feed.json", feeds.json_feed(words, news, f"{root}{prefix}" if root else "")
        )
    view = past.past_view(Words.load("en"), content.archive, root)
    tree.put("llms.txt", feeds.for_programs(root, view))
    if root and not view:
        tree.put("sitemap.xml", feeds.sitemap(urls, root))
        tree.put("robots.txt", f"User-agent: *\nAllow: /\nSitemap: {root}sitemap.xml\n")


@dataclass(frozen=True, slots=True)
class _Language:
    """What the pages of one language are made with.

    Attributes:
        prefix: of their addresses.
        listed: all of them.
        view: what a board of another day says on each; None on today's.
    """

    prefix: str
    words: Words
    rendered: page_shells.Shells
    pages: Pages
    listed: Sequence[Page]
    view: PastView | None

    @classmethod
    def of(cls, lang: str, content: Content, base_url: str | None) -> Self:
        words = Words.load(lang)
        rendered = page_shells.render(lang, base_url, user_folders.cache())
        view = past.past_view(words, content.archive, content.site_url)
        pages = Pages(words, rendered, content.rates, view)
        prefix = "" if lang == "en" else f"{lang}/"
        return cls(prefix, words, rendered, pages, list(page_list.pages(words, content)), view)

    def put(self, tree: Tree, page: Page, stamp: str) -> None:
        path = f"{self.prefix}{page.url}index.html"
        if page.made_of is None:
            tree.put(path, self.pages.make(page))
        else:
            # The shells' folder is named by what they are made of.
            surroundings = f"{stamp} {self.rendered.root.name} {self.view}"
            made_of = hashlib.sha256(f"{surroundings} {page.made_of}".encode()).hexdigest()
            tree.make(path, made_of, partial(self.pages.make, page))


def _put_pages(tree: Tree, content: Content, base_url: str | None) -> list[str]:
    """Put documents, pages and assets of all languages; return the URLs of the pages of one."""
    languages = [_Language.of(lang, content, base_url) for lang in LANGUAGES]
    for own in languages:
        _put_documents(tree, own.rendered, own.prefix, own.view)
    stamp = f"{content.stamp} {content.site_url}"
    # Side by side: what a page is made from is read once for all languages.
    for alike in zip(*(own.listed for own in languages), strict=True):
        for own, page in zip(languages, alike, strict=True):
            own.put(tree, page, stamp)
    for own in languages:
        _put_beside(tree, own, content)
    return [page.url for page in languages[0].listed if not page.bare]


def _put_beside(tree: Tree, own: _Language, content: Content) -> None:
    """Put what the scripts of a language's pages read, and the scripts."""
    prefix, words = own.prefix, own.words
    for model in content.models:
        made_of = f"{content.stamp} {content.made_of_model_page(model)}"
        path = f"{prefix}models/{model}/front.json"
        tree.make(path, made_of, partial(_points, words, content, model))
    made_of = f"{content.stamp} {content.made_of_points}"
    tree.make(f"{prefix}best.json", made_of, partial(_known, words, content))
    for asset in sorted((_HERE / "assets").iterdir()):
        tree.put(f"{prefix}assets/fenmark/{asset.name}", asset.read_bytes())
    found = (content, own.listed, own.rendered)
    index = partial(search_index.as_file, words, *found)
    tree.make(f"{prefix}search.json", search_index.made_of(*found), index)


def _points(words: Words, content: Content, model: str) -> str:
    return front.as_file(words, content.priced_points(model))


def _put_documents(
    tree: Tree, rendered: page_shells.Shells, prefix: str, view: PastView | None
) -> None:
    shell_pages = {f"{url}index.html" for url in page_shells.SHELL_URLS.values()}
    unused = ("assets/javascripts/", "assets/images/", "sitemap")
    for path in sorted(rendered.root.rglob("*")):
        name = str(path.relative_to(rendered.root))
        wanted = name not in shell_pages and not name.startswith(unused) and path.suffix != ".map"
        if path.is_file() and wanted:
            data: bytes | str = path.read_bytes()
            if view and path.suffix == ".html":
                root = "../" * name.count("/") if path.name == "index.html" else None
                data = view.mark(path.read_text(encoding="utf-8"), root)
            tree.put(prefix + name, data)


def _put_board(tree: Tree, content: Content) -> None:
    tree.put("data/board/index.json", board.index(content.rated, content.models))
    made_of = f"{content.stamp} {content.made_of_points}"
    english = Words.load("en")
    tree.make("data/board/best.json", made_of, partial(_cells, english, content))
    # Only the rows of a model that changed are taken out.
    for model, places in content.rated.groupby("model_id").indices.items():
        columns, digests = f"data/board/{model}.json", f"data/board/{model}.digests.json"
        made_of = f"{content.stamp} {content.made_of_model[str(model)]}"
        if not tree.keep(made_of, columns, digests):
            made = board.shard(content.rated.iloc[places])
            for path, data in zip((columns, digests), made, strict=True):
                tree.put(path, data, made_of)
    for row in shown(content.leading):
        tree.put(f"badges/{row.chip_id}.svg", badges.badge(row))
    _put_row_badges(tree, content)
    for chip in content.curved:
        made_of = f"{content.stamp} {content.made_of_chip[chip]}"
        tree.make(f"charts/{chip}.svg", made_of, partial(_chart, content, chip))


def _cells(words: Words, content: Content) -> str:
    told = best.cells(words, content.known_points, content.sheet)
    return _compact([asdict(cell) for cell in told])


def _known(words: Words, content: Content) -> str:
    points, names = content.known_points, content.model_names
    return best.as_file(words, points, content.best, names, content.sheet)


def _put_choices(tree: Tree, content: Content) -> None:
    """Put what the choose page computes with; a model's tables change with its results alone."""
    if content.sheet:
        tree.put("data/choose/market.json", _compact(choose.market(content.sheet)))
    tree.make("data/choose/common.json", content.stamp, lambda: _compact(choose.common()))
    for model in models.available():
        made_of = f"{content.stamp} {content.made_of_loads(model)}"
        make = partial(_choices, content, model)
        tree.make(f"data/choose/models/{model}.json", made_of, make)


def _choices(content: Content, model: str) -> str:
    return _compact(choose.of_model(model, content.loads_of(model)))


def _compact(data: object) -> str:
    return json.dumps(data, separators=(",", ":"), allow_nan=False)


def _put_row_badges(tree: Tree, content: Content) -> None:
    """Put a badge of each row that has a page and a rate."""
    rows = content.rated[(content.rated["page"] != "") & (content.rated["model_id"] != "")]
    for place, digest, page in zip(
        rows.index, rows["digest"].tolist(), rows["page"].tolist(), strict=True
    ):
        made_of = f"{content.stamp} {content.made_of_row_page(digest)}"
        made = partial(_row_badge, content, place)
        tree.make(f"{address(digest, page)}badge.svg", made_of, made)


def _row_badge(content: Content, place: int) -> str:
    return badges.badge(as_shown(content.records[place]))


def _chart(content: Content, chip: str) -> str:
    return embeds.curve(Words.load("en"), content.curved[chip])


def _put_reported(tree: Tree, content: Content) -> None:
    """Make the files of every page of others' results, and of each publisher as a whole."""
    made_of = f"{content.stamp} {content.reported.made_of}"
    for lang in LANGUAGES:
        words, prefix = Words.load(lang), "" if lang == "en" else f"{lang}/"
        for section in content.reported.sections:
            path = f"{prefix}reported/{section.id}/rows.json"
            tree.make(path, made_of, partial(reported_rows.as_file, words, section))
    for publisher in content.reported.publishers:
        tables = {section.id: [section] for section in publisher.sections}
        for name, sections in {**tables, publisher.kind: publisher.sections}.items():
            paths = [f"data/reported/{name}.{kind}" for kind in reported_files.KINDS]
            if not tree.keep(made_of, *paths):
                lines = [line for section in sections for line in section.lines]
                for path, data in zip(paths, reported_files.files(lines), strict=True):
                    tree.put(path, data, made_of)


def _put_downloads(tree: Tree, content: Content, workers: Workers) -> None:
    """Make the files of the chips whose results changed, and the whole from all of them."""
    sources = content.archive.sources
    made_of = {
        chip: f"{content.stamp} {known}" for chip, known in sorted(content.made_of_chip.items())
    }
    stale = [
        chip
        for chip in made_of
        if not tree.keep(made_of[chip], *(_part(chip, kind) for kind in downloads.KINDS))
    ]
    newest = {str(chip): own for chip, own in content.newest.groupby("chip_id")["digest"]}
    beside = _beside(content, stale)
    results = [
        [(digest, sources[digest], beside[digest]) for digest in newest[chip]] for chip in stale
    ]
    worth_it = sum(map(len, results)) >= _WORTH_PROCESSES
    made = workers.map(downloads.part, results, worth_it=worth_it)
    for chip, files in zip(stale, made, strict=True):
        for kind, data in zip(downloads.KINDS, files, strict=True):
            tree.put(_part(chip, kind), data, made_of[chip])
    for kind in downloads.KINDS:
        parts = [_part(chip, kind) for chip in made_of]
        of_all = hashlib.sha256("".join(map(tree.digest, parts)).encode()).hexdigest()
        content_of = partial(downloads.whole, kind, [tree.place(part) for part in parts])
        path, known = f"data/points.{kind}", f"{content.stamp} {of_all}"
        workers.beside(partial(tree.make, path, known, content_of))


def _beside(content: Content, chips: Sequence[str]) -> dict[str, Beside]:
    """Return what is known of the results of some chips beside their statements."""
    rows = content.rows[content.rows["chip_id"].isin(chips)]
    flags = dict(zip(rows["digest"].tolist(), rows["flags"].tolist(), strict=True))
    money: dict[str, dict[tuple[str, str], tuple[Any, ...]]] = {digest: {} for digest in flags}
    texts, amounts = MONEY[:2], list(MONEY[2:])
    priced = rows[rows[amounts].notna().any(axis=1)]
    for digest, suite, case, sheet, price, *usd in (
        priced[["digest", "suite", "case", *texts, *amounts]].to_numpy().tolist()
    ):
        rented = "" if math.isnan(usd[0]) else price
        known = (None if math.isnan(amount) else amount for amount in usd)
        money[digest][suite, case] = (sheet, rented, *known)
    return {digest: Beside(int(count), money[digest]) for digest, count in flags.items()}


def _part(chip: str, kind: str) -> str:
    return f"data/chips/{chip}.{kind}"
