"""What every page shows."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import astuple, dataclass
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from leaderboard.figures import history, plots, power_curve, ranking
from leaderboard.figures.breakeven import breakeven
from leaderboard.figures.figures import NO_SAMPLES, points_of
from leaderboard.figures.groups import Groups
from leaderboard.figures.price_history import drawn, past_prices
from leaderboard.figures.rows import address, as_shown, records, shown
from leaderboard.output import dictionary, downloads
from leaderboard.pages import (
    answers,
    best,
    board,
    chips,
    choose,
    choose_answer,
    embeds,
    fen,
    front,
    models,
    overview,
    owners,
    page_shells,
    past,
    power_caps,
    row,
    sidebyside,
)
from leaderboard.pages import reported as reported_rows
from leaderboard.pages.pages import Page, currency_of
from leaderboard.pages.questions import questions
from leaderboard.read import cache, front_points, known
from leaderboard.read.evidence import evidence
from leaderboard.read.forecasts import NONE
from leaderboard.read.loads import ReportedLoads, signed_loads
from results import catalog
from results.archive.archive import home_of
from results.archive.beside import place_of
from results.catalog.prices_data import RENTAL_CLASSES
from results.statement.statement_v2 import ATTESTED
from suites.models.names import known_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from leaderboard.figures.figures import BoardPoint, Result
    from leaderboard.figures.front import ConfigurationPoint
    from leaderboard.figures.plots import Curve
    from leaderboard.figures.ranking import Answers
    from leaderboard.output.timelines import TimelinePicture
    from leaderboard.pages.answers import Relative
    from leaderboard.pages.best import BoardRow
    from leaderboard.pages.chips import ChipView
    from leaderboard.pages.choose_answer import FirstAnswer
    from leaderboard.pages.fen import ClaimView
    from leaderboard.pages.models import ModelView
    from leaderboard.pages.owners import OwnerView
    from leaderboard.pages.questions import Question
    from leaderboard.read.archives import Archive
    from leaderboard.read.forecasts import Forecasts
    from leaderboard.read.front_points import Points
    from leaderboard.read.registered import Registered
    from leaderboard.read.reported import Reported
    from leaderboard.words import Words
    from results.catalog import PriceSheet
    from results.economy.claims import ClaimEvidence
    from results.prediction.observed import Observed
    from results.proof.moderation import Placed

__all__ = ["Content", "pages"]

# Rows in the page itself; the live board loads the others, the downloads hold all.
_STATIC_ROWS = 50
# Of a chip's page, which says of each row what it costs in a second table.
_ROWS_OF_CHIP = 25
_LATEST = 8
# Rows with a page of their own, in each language: beyond that a row's proof is its address.
_ROW_PAGES = 1000
# Runs described in full on a chip's page, and configurations on the history page.
_RUNS = 10
_LINES = 30
_LINES_OF_CHIP = 8
# What a chip is bounded by that nobody has shown anything of: a large, a middling, a small model.
_FLOORED = ("deepseek-v3", "gpt-oss-120b", "llama-3.1-8b")
# What a prediction of ours may rest on; another forecaster's words stand as they are.
_LEVELS = frozenset({"datasheet", "kernels", "calibrated"})
_FORMATS = {
    "csv": "text/csv",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
# What lists of results need of each.
_PLACE = ["digest", "suite", "case"]
_SIGNED = frozenset({"measured", "attested"})
_HEAD = ["digest", "chip_id", "keyid", "runner", "finished_at", "kernels"]


@dataclass(frozen=True, slots=True)
class ChipRuns:
    """A chip's newest results, and the rows of configurations that were run more than once."""

    results: Sequence[Result]
    history: pd.DataFrame


class Content:
    """Everything the pages are made from, language apart.

    Attributes:
        rows: of all results, ranked.
        rated: those with a throughput of output tokens: the rows of the board.
        site_url: with a slash at the end, empty when it is not known.
        stamp: identifies the code, the data and the prices that pages are made with.
        past_views: names of the views of past days that stand below the site.
    """

    def __init__(
        self,
        archive: Archive,
        reported: Reported,
        sheet: PriceSheet | None,
        base_url: str | None,
        forecast: Forecasts = NONE,
    ) -> None:
        self.archive = archive
        self._opened: Result | None = None
        self._last: dict[str, ChipRuns] = {}
        self._priced: dict[str, Sequence[ConfigurationPoint]] = {}
        self.timelines: Mapping[str, Sequence[TimelinePicture]] = {}
        self.past_views: frozenset[str] = frozenset()
        self.reported = reported
        self.forecasts = forecast
        self.sheet = sheet
        self.stamp = cache.stamp(sheet)
        self.site_url = f"{base_url.rstrip('/')}/" if base_url else ""
        self.rows = _with_pages(ranking.ranked(archive.rows))
        rated = self.rows["throughput"].notna()
        self.rated = self.rows if rated.all() else self.rows[rated]
        self.chips: Mapping[str, ChipView] = chips.views(self.rows, sheet)
        self.models: Mapping[str, ModelView] = models.views(self.rows)
        self.of_chip = Groups(self.rows, "chip_id")
        self.of_model = Groups(self.rows, "model_id")

    @cached_property
    def sheets(self) -> list[PriceSheet]:
        """Every dated sheet, oldest first, and last the one that costs are computed with."""
        held = [sheet for sheet in catalog.price_sheets().values() if sheet != self.sheet]
        if self.archive.moment:  # later ones were not known yet
            held = [sheet for sheet in held if self.sheet and sheet.id < self.sheet.id]
        return [*held, *([self.sheet] if self.sheet else [])]

    @property
    def rates(self) -> dict[str, float]:
        """Units of each currency for a dollar, as far as the sheet has a rate."""
        sheet = self.sheet
        yuan = {"CNY": sheet.cny_per_usd.value} if sheet else {}
        euro = {"EUR": sheet.eur_per_usd.value} if sheet and sheet.eur_per_usd else {}
        return {"USD": 1.0, **yuan, **euro}

    @cached_property
    def no_rows(self) -> pd.DataFrame:
        """The rows of a chip that has none."""
        return self.rows[:0]

    @cached_property
    def opening(self) -> pd.DataFrame:
        """The rows the board opens with."""
        model = board.opening(self.rated)
        of_model = self.rows["model_id"] == model if model else True
        return self.rows[ranking.opens(self.rows) & of_model]

    @cached_property
    def answers(self) -> Answers:
        """The rows that answer the overview's three questions."""
        return ranking.answers(self.rows)

    @cached_property
    def leading(self) -> pd.DataFrame:
        """The best row of each chip."""
        return ranking.leading(self.rated)

    @cached_property
    def curves(self) -> Mapping[str, Curve]:
        """What the curve of each model shows, of those that have one."""
        curves = plots.curves(self.rows)
        return {model: curves[model] for model in self.models if model in curves}

    @cached_property
    def curved(self) -> Mapping[str, pd.DataFrame]:
        """The rows of each chip whose curve was measured."""
        return Groups(plots.measured(self.rows), "chip_id")

    @cached_property
    def badged(self) -> frozenset[str]:
        """Chips with a row that ranks, and so with a badge."""
        return frozenset(self.leading["chip_id"])

    @cached_property
    def history(self) -> pd.DataFrame:
        """The runs the history page sets side by side."""
        return history.chosen(self.rows, _LINES)

    @cached_property
    def newest(self) -> pd.DataFrame:
        """One line a result, newest first."""
        # A row has a hundred columns: copying and sorting all of them is what would cost.
        heads = self.rows[_HEAD].drop_duplicates("digest")
        return heads.sort_values(["finished_at", "digest"], ascending=[False, True])

    @cached_property
    def latest(self) -> pd.DataFrame:
        """The best rows of the newest results."""
        heads = self.rows.loc[self.rows["suite"] != "", ["digest", "finished_at"]]
        best = heads.drop_duplicates("digest")
        newest = best.sort_values("finished_at", ascending=False, kind="stable")[:_LATEST]
        return self.rows.loc[newest.index]

    @cached_property
    def notices(self) -> Sequence[Placed]:
        """What was said of results in the logs, newest first."""
        placed = [
            item
            for moderated in self.archive.moderated.values()
            for item in moderated.state.notices
        ]
        return sorted(
            placed, key=lambda item: (item.time or item.notice.at, item.index), reverse=True
        )

    @cached_property
    def owners(self) -> Mapping[str, OwnerView]:
        """Owners by name, with their registered runners."""
        archive = self.archive
        return owners.views(archive.registered, self.newest, archive.sources)

    @cached_property
    def evidence(self) -> Sequence[ClaimEvidence]:
        """What a claim is set beside."""
        return evidence(self.rows, self.reported, self.stamp)

    @cached_property
    def reported_loads(self) -> ReportedLoads:
        """What others say of each model's loads."""
        return ReportedLoads(self.reported)

    @cached_property
    def names_of_geometry(self) -> Mapping[str, Sequence[str]]:
        """Ids of the models of each geometry: results name one model in several ways."""
        names: defaultdict[str, list[str]] = defaultdict(list)
        heads = self.rows[["model_id", "model"]].drop_duplicates()
        for model_id, name in sorted(heads.itertuples(index=False, name=None)):
            geometry = known_as(name)
            if geometry:
                names[geometry].append(model_id)
        return names

    def loads_of(self, geometry: str) -> Iterator[Observed]:
        """What is known of a geometry's loads, signed results first."""
        for name in self.names_of_geometry.get(geometry, ()):
            yield from signed_loads(self.archive, self.of_model[name], geometry)
        yield from self.reported_loads.of_model(geometry)

    def made_of_loads(self, geometry: str) -> str:
        """Identify what `loads_of` reads."""
        names = self.names_of_geometry.get(geometry, ())
        signed = " ".join(self.made_of_model[name] for name in names)
        return f"{self.reported.made_of} {signed}"

    @cached_property
    def chosen(self) -> FirstAnswer:
        """What the choose page answers first."""
        assert self.sheet is not None
        return choose_answer.answered(self.loads_of(choose_answer.OPENING.model), self.sheet)

    @cached_property
    def points(self) -> Points:
        """Speed and cost of each model and chip."""
        return front_points.points(self.rows, self.reported, self.sheet, self.stamp)

    def priced_points(self, model: str) -> Sequence[ConfigurationPoint]:
        """What a model's front is drawn of: on its page, in another's, in a file."""
        if model not in self._priced:
            self._priced[model] = front.priced(self.points.of_model(model))
        return self._priced[model]

    @cached_property
    def known_points(self) -> Mapping[str, Sequence[ConfigurationPoint]]:
        """Points of the models and loads that somebody ran, predicted ones among them."""
        return self.points.of_loads_run()

    @cached_property
    def best(self) -> Sequence[BoardRow]:
        """What the board of the front page opens with."""
        return best.best_known(self.known_points, best.BestQuery())

    @cached_property
    def priced(self) -> frozenset[str]:
        """Classes of price that anything known has."""
        points = (point for own in self.known_points.values() for point in own)
        return frozenset(name for point in points for name in point.usd)

    @cached_property
    def model_names(self) -> Mapping[str, str]:
        """What each model's page is called."""
        return {model.id: model.name for model in self.models.values()} | choose.MODEL_NAMES

    @cached_property
    def claims(self) -> Sequence[ClaimView]:
        """The register, judged; empty without a price sheet."""
        return fen.claim_views(self.evidence, self.sheet) if self.sheet else ()

    @cached_property
    def newest_of_chip(self) -> Mapping[str, pd.DataFrame]:
        """The same, of each chip."""
        return Groups(self.newest, "chip_id")

    @cached_property
    def known(self) -> Markup:
        """What the verify page is made with, escaped."""
        listed = known.key_list(self.archive.keys)
        return escape(known.known(listed, self.archive.known_logs, self.archive.policy))

    @cached_property
    def made_of_chip(self) -> Mapping[str, str]:
        """Identify the results of each chip and what is known of them."""
        return self._made_of_each("chip_id")

    def made_of_chip_page(self, chip: str) -> str:
        """Identify what a chip's page shows.

        That is its results, what others report of it, and predictions of the models anybody ran.
        """
        drawn = sorted(self.timelines.keys() & set(self.runs_of(chip)))
        claimed = (f"{own.claim.id} {own.judged.verdict}" for own in self.claims_of(chip))
        near = (f"{own.chip} {own.kind}" for own in self.relatives_of(chip))
        known = self.made_of_chip.get(chip, "")
        ran = sorted(self.points.shown)
        return " ".join((known, self.reported.made_of, *drawn, *claimed, *near, *ran))

    @cached_property
    def shown_of(self) -> Mapping[str, str]:
        """The best kind of evidence that there is of each chip, predictions apart."""
        kinds = {row.chip: row.kind for row in self.evidence if row.kind == "reported"}
        return kinds | {row.chip: row.kind for row in self.evidence if row.kind == "measured"}

    def relatives_of(self, chip: str) -> Sequence[Relative]:
        """Name the chips that stand nearest to one of which nobody has shown anything."""
        entry = self.chips[chip].entry
        if chip in self.shown_of or entry is None:
            return ()
        entries = {own.id: own.entry for own in self.chips.values() if own.entry}
        return answers.relatives(entry, self.shown_of, entries)

    def claims_of(self, chip: str) -> Sequence[ClaimView]:
        """What is claimed of a chip, as it is judged."""
        entry = self.chips[chip].entry
        return [own for own in self.claims if entry and own.claim.chip == entry.id]

    def runs_of(self, chip: str) -> Sequence[str]:
        """Return the results that a chip's page shows in full, newest first."""
        return self._runs.get(chip, ())

    @cached_property
    def _runs(self) -> Mapping[str, Sequence[str]]:
        groups = self.newest.groupby("chip_id", sort=False)["digest"]
        return {str(chip): own[:_RUNS].tolist() for chip, own in groups}

    @cached_property
    def paged(self) -> Mapping[str, Sequence[int]]:
        """Places of the rows that have a page, by result."""
        rows = self.rows[self.rows["page"] != ""]
        return {str(digest): list(own) for digest, own in rows.groupby("digest").groups.items()}

    @cached_property
    def records(self) -> Mapping[int, Mapping[str, Any]]:
        """Rows that have a page, by their places."""
        rows = self.rows[self.rows["page"] != ""]
        return dict(zip(rows.index, records(rows), strict=True))

    def made_of_row_page(self, digest: str) -> str:
        """Identify what a row's page shows, and whether its samples stand beside it."""
        return f"{self._known[digest]} {' '.join(self.samples_of(digest))}"

    @cached_property
    def samples(self) -> Mapping[str, Path]:
        """Files of raw samples that are published, by digest: of rows with a page."""
        return {
            sample: place_of(home_of(self.archive.sources[digest].path), sample)
            for digest, own in self._samples.items()
            for sample in own
        }

    def samples_of(self, digest: str) -> Sequence[str]:
        """Name those of them that a result with a page was computed from."""
        return self._samples.get(digest, ())

    @cached_property
    def _samples(self) -> Mapping[str, Sequence[str]]:
        heads = self.rows.loc[self.rows["page"] != "", ["digest", "samples", "doubts"]]
        known = heads[~heads["doubts"].str.contains(NO_SAMPLES, regex=False)]
        return {digest: own.split() for digest, own, _ in known.to_numpy().tolist()}

    def opened(self, digest: str) -> Result:
        """Read a result again; the last one is kept, as its rows are shown one after another."""
        if self._opened is None or self._opened.digest != digest:
            self._opened = self.archive.open(digest)
        return self._opened

    def runs_in_full(self, chip: str) -> ChipRuns:
        """Read a chip's runs; the last chip is kept, as it is shown in each language."""
        if chip not in self._last:
            rows = self.of_chip.get(chip, self.no_rows)
            results = [self.archive.open(digest) for digest in self.runs_of(chip)]
            self._last = {chip: ChipRuns(results, history.chosen(rows, _LINES_OF_CHIP))}
        return self._last[chip]

    @cached_property
    def made_of_model(self) -> Mapping[str, str]:
        """Identify the results of each model, the same way."""
        return self._made_of_each("model_id")

    def made_of_model_page(self, model: str) -> str:
        """Identify what a model's page shows: its results, and what others report."""
        return f"{self.made_of_model.get(model, '')} {self.reported.made_of}"

    def made_of_rows(self, rows: Iterable[Mapping[str, Any]]) -> str:
        """Identify what a page shows of some rows, given as records or parts of them."""
        heads = ((self._known[row["digest"]], row["suite"], row["case"]) for row in rows)
        return _digest(*chain.from_iterable(heads))

    @cached_property
    def made_of_overview(self) -> str:
        """Identify what the front page shows."""
        best = (row for row in astuple(self.answers) if row)
        latest = records(self.latest[_PLACE])
        samples = (f"{self.samples_of(row['digest'])}" for row in latest)
        return _digest(self.made_of_points, self.made_of_rows([*best, *latest]), *samples)

    @cached_property
    def made_of_curves(self) -> str:
        """Identify what the curves show."""
        return _digest(
            *(
                f"{self.models[model].name} {curve.front} {self.made_of_rows(curve.rows)}"
                for model, curve in self.curves.items()
            )
        )

    @cached_property
    def made_of_points(self) -> str:
        """Identify what is known of models, loads and chips, and what the models are called."""
        # What others report and what is predicted has an identity of its own.
        signed = (
            (model, [point for point in own if point.kind in _SIGNED])
            for model, own in self.points.shown.items()
        )
        return _digest(self.reported.made_of, repr([*signed]), repr(self.model_names))

    @cached_property
    def made_of_evidence(self) -> str:
        """Identify what claims are set beside."""
        return _digest(repr(self.evidence))

    def _made_of_each(self, column: str) -> dict[str, str]:
        results: defaultdict[str, set[str]] = defaultdict(set)
        for name, digest in zip(
            self.rows[column].tolist(), self.rows["digest"].tolist(), strict=True
        ):
            results[name].add(digest)
        return {
            name: hashlib.sha256(
                "\n".join(self._known[digest] for digest in sorted(own)).encode()
            ).hexdigest()
            for name, own in sorted(results.items())
        }

    @cached_property
    def _known(self) -> Mapping[str, str]:
        """A line on each result: what no row says of it, and may change without it."""
        # Another result, even of another chip, may say how good the answers of this one are.
        stands: defaultdict[str, set[str]] = defaultdict(set)
        beside = ("digest", "quality", "equal_usd", "equal_least")
        for digest, *told in zip(*(self.rows[name].tolist() for name in beside), strict=True):
            stands[digest].add(str(told))
        return {
            digest: f"{digest} {source.tier} {source.log} {source.index} {source.runner.owner} "
            f"{sorted(stands[digest])} {'paged' if digest in self.paged else ''} "
            f"{' '.join(state.notice.digest for state in source.state.notices)} {source.flags}"
            for digest, source in self.archive.sources.items()
        }


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _with_pages(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave rows their pages while there are not too many, those of the newest results first."""
    if (rows["page"] != "").sum() <= _ROW_PAGES:
        return rows
    counts = (rows["page"] != "").groupby(rows["digest"]).sum().rename("count")
    ends = rows[["digest", "finished_at"]].drop_duplicates("digest").join(counts, on="digest")
    newest = ends.sort_values(["finished_at", "digest"], ascending=[False, True])
    paged = set(newest[newest["count"].cumsum() <= _ROW_PAGES]["digest"])
    return rows.assign(page=rows["page"].where(rows["digest"].isin(paged), ""))


def pages(_: Words, content: Content) -> Iterator[Page]:
    """Yield every generated page of a language."""
    first = content.opening
    measured = first[first["suite"] != ATTESTED]
    yield Page(
        template="overview",
        url="",
        title="What a million tokens really cost",
        context=lambda: {
            "answers": overview.answers(_, content.answers),
            "questions": list(_questions(_, content)),
            **_best(_, content),
            "latest": shown(content.latest, _.lang),
        },
        made_of=content.made_of_overview,
    )
    yield Page(
        template="leaderboard",
        url="leaderboard/",
        title="Leaderboard",
        context=lambda: {
            "rows": shown(first[:_STATIC_ROWS], _.lang),
            "total": len(first),
            "sheet": content.sheet,
            "columns": board.columns(_),
            "words": board.words(_),
        },
        made_of=f"{len(first)} {content.made_of_rows(records(first[_PLACE][:_STATIC_ROWS]))}",
    )
    yield Page(
        template="chips",
        url="chips/",
        title="Chips",
        context=lambda: {"chips": list(content.chips.values())},
    )
    for chip in content.chips.values():
        yield Page(
            template="chip",
            url=f"chips/{chip.id}/",
            title=chip.name,
            context=partial(_chip, _, content, chip),
            made_of=content.made_of_chip_page(chip.id),
        )
    yield Page(
        template="models",
        url="models/",
        title="Models",
        context=lambda: {"models": list(content.models.values())},
    )
    for model in content.models.values():
        yield Page(
            template="model",
            url=f"models/{model.id}/",
            title=model.name,
            context=partial(_model, _, content, model),
            made_of=content.made_of_model_page(model.id),
        )
        yield Page(
            template="front_embed",
            url=f"models/{model.id}/embed/",
            title=model.name,
            context=partial(_embedded, _, content, model),
            made_of=content.made_of_model_page(model.id),
            bare=True,
        )
    yield from _rows(_, content)
    yield Page(
        template="curves",
        url="curves/",
        title="Curves",
        context=lambda: {"curves": _curves(_, content)},
        made_of=content.made_of_curves,
    )
    yield Page(
        template="cost",
        url="cost/",
        title="Cost",
        context=lambda: {
            "rows": shown(measured[:_STATIC_ROWS], _.lang),
            "sheet": content.sheet,
            "classes": RENTAL_CLASSES,
            "sheets": {sheet.id: chips.terms(_, sheet) for sheet in content.sheets},
            "evens": _evens(_, content),
            "words": {
                "fen": _("{n}× one fen"),
                "below owned": _("below the cost of owning"),
                "power unknown": _("its power is not known: capital alone"),
                **board.answer_words(_),
                **board.proof_words(_),
            },
        },
    )
    yield from _choose(_, content)
    yield from _fen(_, content)
    yield Page(
        template="history",
        url="history/",
        title="History",
        context=lambda: {
            "lines": history.lines(content.history, _.lang),
            "verdicts": _verdicts(_),
        },
        made_of=content.made_of_rows(records(content.history[_PLACE])),
    )
    yield Page(
        template="forecasts",
        url="forecasts/",
        title="Forecasts",
        context=lambda: {
            "lines": content.forecasts.scored,
            "runs": content.forecasts.runs,
            "levels": _LEVELS,
        },
        made_of=content.forecasts.made_of,
    )
    yield from _reported(_, content.reported)
    yield Page(
        template="docs",
        url="docs/",
        title="Documents",
        context=lambda: {"documents": _documents(_)},
        made_of="",
    )
    yield Page(
        template="compare",
        url="compare/",
        title="Compare",
        context=lambda: sidebyside.context(_, measured),
    )
    yield Page(
        template="runners",
        url="runners/",
        title="Runners and trust",
        context=lambda: {
            "runners": _runners(content),
            "logs": content.archive.logs,
            "notices": content.notices,
        },
    )
    yield Page(
        template="as_of",
        url=f"{past.FOLDER}/",
        title="The board on a date",
        about="When results came and what became of them, and how to see the board of any day.",
        context=lambda: past.context(content.archive, content.past_views),
    )
    names = {chip.id: chip.name for chip in content.chips.values()}
    for owner in content.owners.values():
        yield Page(
            template="owner",
            url=f"owners/{owner.id}/",
            title=owner.name,
            context=partial(dict, owner=owner, chips=names),
            made_of=owner.made_of,
        )
    yield Page(
        template="verify",
        url="verify/",
        title="Verify a result",
        context=lambda: {
            "known": content.known,
            "logs": content.archive.known_logs.values(),
            "policy": content.archive.policy,
        },
        made_of=str(content.known),
    )
    yield Page(
        template="data",
        url="data/",
        title="Data",
        context=lambda: {
            "files": downloads.LISTING,
            "dataset": _dataset(_, content),
            "tables": [
                ("points", _("Columns of points"), dictionary.POINTS),
                ("reported-columns", _("Columns of reported results"), dictionary.REPORTED),
                ("view", _("Figures in the file of a view"), dictionary.VIEW),
            ],
            "suffixes": dictionary.SUFFIXES,
            "publishers": content.reported.publishers,
        },
        made_of=content.reported.made_of,
    )


def _rows(_: Words, content: Content) -> Iterator[Page]:
    """Yield a page of each row, those of one result together."""
    load = "load_zh" if _.lang == "zh" else "load"
    for digest, places in content.paged.items():
        for place in places:
            row = content.records[place]
            page, *about = (row[name] for name in ("page", "chip", "model", load))
            yield Page(
                template="row",
                url=address(digest, page),
                title=" · ".join(filter(None, about)),
                context=partial(_row, _, content, place),
                made_of=content.made_of_row_page(digest),
            )


def _row(_: Words, content: Content, place: int) -> dict[str, Any]:
    shown_row = as_shown(content.records[place], _.lang)
    result = content.opened(shown_row.digest)
    samples = content.samples_of(shown_row.digest)
    key = content.archive.sources[shown_row.digest].runner.id
    return row.context(shown_row, result, samples, content.site_url, key)


def _questions(_: Words, content: Content) -> Iterator[Question]:
    """Yield what a reader may ask, with the samples of the newest result that has some."""
    latest = shown(content.latest, _.lang)
    with_samples = (own for own in latest if own.page and content.samples_of(own.digest))
    samples = next((f"{own.where}#samples" for own in with_samples), "")
    return questions(_, priced=content.sheet is not None, samples=samples)


def _best(_: Words, content: Content) -> dict[str, Any]:
    """What is known of each model on each chip, for the front page."""
    return {
        "best": best.context(_, content.best, content.model_names, content.priced),
        "words": {
            "none": _(
                "Nothing is known within these limits; wider ones, or other evidence, may be."
            ),
            "quick": _("quick"),
            "interval": _("interval"),
            "g/Mtok": _("g CO₂e/Mtok"),
        },
    }


def _dataset(_: Words, content: Content) -> dict[str, Any]:
    """Describe the data as schema.org has it, for search engines."""
    site = content.site_url
    return {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "name": "Fenmark",
        "description": _("What a million LLM tokens really cost, chip by chip, and the proof."),
        "isAccessibleForFree": True,
        "inLanguage": _.lang,
        **({"url": f"{site}data/"} if site else {}),
        "distribution": [
            {
                "@type": "DataDownload",
                "name": name,
                "description": _(about),
                "encodingFormat": _FORMATS[name.rpartition(".")[2]],
                "contentUrl": f"{site}data/{name}" if site else name,
            }
            for name, about in downloads.LISTING
        ],
    }


def _choose(_: Words, content: Content) -> Iterator[Page]:
    """Yield the choose page: without prices there is nothing to rank by."""
    sheet = content.sheet
    if sheet:
        yield Page(
            template="choose",
            url="choose/",
            title="Choose",
            about="Which chip and configuration serves your workload within its limits for least.",
            context=lambda: choose.context(_, sheet, content.chosen),
            made_of=content.made_of_loads(choose_answer.OPENING.model),
        )


def _fen(_: Words, content: Content) -> Iterator[Page]:
    """Yield the one-fen page and a page of each claim."""
    sheet = content.sheet
    if not sheet:
        return
    yield Page(
        template="fen",
        url="fen/",
        title="One fen",
        about="How far every chip is from a million tokens for one fen, and what makers claim.",
        context=lambda: fen.context(_, content.evidence, sheet, content.claims),
        made_of=content.made_of_evidence,
    )
    # Titles alone are needed where no page is made again.
    for view in content.claims:
        yield Page(
            template="claim",
            url=f"claims/{view.claim.id}/",
            title=_("Claim: {who}", who=view.claim.who_zh if _.lang == "zh" else view.claim.who),
            context=partial(_claim, sheet, view),
            made_of=content.made_of_evidence,
        )


def _claim(sheet: PriceSheet, view: ClaimView) -> dict[str, Any]:
    return {"view": view, "sheet": sheet}


def _reported(_: Words, reported: Reported) -> Iterator[Page]:
    yield Page(
        template="reported",
        url="reported/",
        title="Reported results",
        about="What others published of these chips: reported, never ranked with measured results.",
        context=lambda: {"publishers": reported.publishers, "words": _},
        made_of=reported.made_of,
    )
    for section in reported.sections:
        yield Page(
            template="reported_chip",
            url=f"reported/{section.id}/",
            title=f"{_.listed(section.publisher.title)}{_(': ')}{section.chip}",
            context=partial(reported_rows.context, _, section),
            made_of=reported.made_of,
        )


def _chip(_: Words, content: Content, chip: ChipView) -> dict[str, Any]:
    # Most chips of the catalogue have no row, and pandas takes its time over nothing.
    rows = content.of_chip.get(chip.id, content.no_rows)
    newest = content.newest_of_chip.get(chip.id)
    with_kernels = () if newest is None else newest[newest["kernels"] > 0]["digest"]
    kernels: list[BoardPoint] = []
    # A roof and the kernels under it must be of one run.
    for digest in with_kernels[:1]:
        points = points_of(content.archive.open(digest))
        kernels = [point for point in points if point.suite == "kernels"]
    tables = _tables(_, rows, _ROWS_OF_CHIP)
    past = past_prices(chip.entry.id, content.sheets) if chip.entry else {}
    runs = content.runs_in_full(chip.id)
    return {
        "chip": chip,
        **_answers(_, content, chip),
        "past": past,
        "past_drawn": drawn(_, chip.name, past, content.rates),
        **tables,
        "priced": [row for row in tables["rows"] if row.rent or row.owned or row.floor],
        "site_url": content.site_url,
        "curved": chip.id in content.curved,
        "badged": chip.id in content.badged,
        "kernels": kernels,
        "results": runs.results,
        "owner_of": partial(_owner, content.archive.registered, content.owners),
        "timelines": content.timelines,
        "roofline": plots.roofline(_, kernels, "../../"),
        "lines": history.lines(runs.history, _.lang) if len(rows) else [],
        "verdicts": _verdicts(_),
        "reported": content.reported.of_chip(chip.id),
        "capped": _capped(_, content, chip, rows),
    }


def _answers(_: Words, content: Content, chip: ChipView) -> dict[str, Any]:
    """What the chip is known to do with each model; of one nobody has shown, what is near it."""
    sheet = content.sheet
    unknown = chip.id not in content.shown_of
    curved = content.curved.get(chip.id)
    own = None if curved is None else embeds.of_one_model(curved)
    [curve] = [None] if own is None else plots.curves(own).values()
    return {
        "answers": answers.answers(
            _, content.points.of_chip(chip.id), sheet.default_class if sheet else ""
        ),
        "price_class": sheet.default_class if sheet else "",
        "names": {model.id: model.name for model in content.models.values()},
        "relatives": content.relatives_of(chip.id),
        "floors": answers.floors(chip.entry, _FLOORED, sheet)
        if unknown and chip.entry and sheet
        else [],
        "claims": content.claims_of(chip.id),
        "curve": curve and plots.curve(_, curve, "../../"),
        "curve_model": "" if own is None else own.iloc[0]["model"],
    }


def _capped(_: Words, content: Content, chip: ChipView, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Curves against the power cap: measured ones, then what others report, never in one chart."""
    held = shown(rows[rows["power_cap_w"].notna()], _.lang) if len(rows) else []
    own = power_caps.measured_curves(held, "../../")
    others = power_caps.reported_curves(_, content.reported.of_chip(chip.id))
    return [
        {"curves": capped, "chart": power_curve.chart(_, capped, measured=real), "measured": real}
        for capped, real in ((own, True), (others, False))
        if capped
    ]


def _model(_: Words, content: Content, model: ModelView) -> dict[str, Any]:
    rows = content.of_model.get(model.id, content.rows[:0])
    return {
        "model": model,
        "site_url": content.site_url,
        **_front(_, content, model, "../../"),
        **_tables(_, rows),
    }


def _embedded(_: Words, content: Content, model: ModelView) -> dict[str, Any]:
    return {"model": model, **_front(_, content, model, "../../../")}


def _front(_: Words, content: Content, model: ModelView, root: str) -> dict[str, Any]:
    code = currency_of(_.lang, content.rates)
    price_class = content.sheet.default_class if content.sheet else ""
    own = content.priced_points(model.id)
    return front.context(_, own, price_class, (code, content.rates[code]), root)


def _tables(_: Words, rows: pd.DataFrame, most: int = _STATIC_ROWS) -> dict[str, Any]:
    """Return the first rows of output tokens, how many there are, and the first of prefill."""
    if rows.empty:
        return {"rows": [], "total": 0, "prefills": []}
    rated, prefills = (rows[rows[name].notna()] for name in ("throughput", "prefill"))
    return {
        "rows": shown(rated[:most], _.lang),
        "total": len(rated),
        "prefills": shown(prefills[:most], _.lang),
    }


def _curves(_: Words, content: Content) -> list[dict[str, Any]]:
    """One chart per model: throughput of different models does not compare."""
    drawn = [
        (content.models[model], *plots.curve(_, curve, "../"))
        for model, curve in content.curves.items()
    ]
    return [
        {"model": model, "chart": chart, "rows": rows}
        for model, chart, rows in sorted(drawn, key=lambda own: -len(own[2]))
    ]


def _evens(_: Words, content: Content) -> list[dict[str, Any]]:
    """One chart per model that hosts sell: where a chip of your own beats the API."""
    return [
        {"model": model, "charts": even[0], "price": even[1]}
        for model in _measured(content)
        if (even := _even(_, content, model.id))
    ]


def _even(_: Words, content: Content, model: str) -> tuple[dict[str, Markup], str] | None:
    """Draw a model's charts unless they were drawn of the same results."""

    def made() -> bytes:
        return json.dumps(breakeven(_, content.of_model[model], content.rates)).encode()

    made_of = f"{content.stamp} {content.made_of_model[model]}"
    drawn = json.loads(cache.kept(f"even-{_.lang}-{model}", made_of, made))
    if drawn is None:
        return None
    charts, price = drawn
    return {code: Markup(chart) for code, chart in charts.items()}, price  # noqa: S704 - drawn by us


def _measured(content: Content) -> Iterator[ModelView]:
    """Yield the models that have rows: pandas takes its time over the many that have none."""
    return (model for model in content.models.values() if model.id in content.of_model)


def _verdicts(_: Words) -> dict[str, str]:
    return {
        "better": _("faster"),
        "worse": _("slower"),
        "none": _("no difference shown"),
        "unknown": _("no interval: nothing can be concluded"),
    }


def _documents(_: Words) -> list[dict[str, Any]]:
    """List the documents; one that is not translated is listed in English, and says so."""
    own = page_shells.documents(_.lang)
    return [
        {
            "title": _(own.get(name, document)[0]),
            "about": _(own.get(name, document)[1]),
            "url": f"../{name}/" if name in own else f"../../{name}/",
            "foreign": name not in own,
        }
        for name, document in page_shells.documents("en").items()
    ]


def _runners(content: Content) -> list[dict[str, Any]]:
    groups = content.newest.groupby("keyid", sort=True)
    runners = [
        {
            "name": own["runner"].iloc[0],
            "tier": content.archive.sources[own["digest"].iloc[0]].standing.tier,
            "results": len(own),
            "keyid": keyid,
            "owner": _owner(content.archive.registered, content.owners, str(keyid)),
            "last": own["finished_at"].iloc[0][:10],
        }
        for keyid, own in groups
    ]
    return sorted(runners, key=lambda runner: -runner["results"])


def _owner(
    registered: Mapping[str, Registered], owners: Mapping[str, OwnerView], keyid: str
) -> OwnerView | None:
    """Return who owns a runner, if somebody has looked at that."""
    known = registered.get(keyid)
    return owners[known.runner.owner] if known else None
