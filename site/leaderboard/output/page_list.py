"""What every page shows."""

from __future__ import annotations

import hashlib
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from markupsafe import escape

from leaderboard.figures import history, plots, power_curve, ranking
from leaderboard.figures.breakeven import breakeven
from leaderboard.figures.figures import points_of
from leaderboard.figures.groups import Groups
from leaderboard.figures.price_history import drawn, past_prices
from leaderboard.figures.rows import Row, shown
from leaderboard.output import downloads
from leaderboard.pages import (
    best,
    board,
    chips,
    fen,
    models,
    overview,
    page_shells,
    power_caps,
    sidebyside,
)
from leaderboard.pages import reported as reported_rows
from leaderboard.pages.pages import Page
from leaderboard.read import cache, known
from leaderboard.read.evidence import evidence
from leaderboard.read.forecasts import NONE
from results import catalog
from results.catalog.prices_data import RENTAL_CLASSES
from results.statement.statement_v2 import ATTESTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from markupsafe import Markup

    from leaderboard.figures.figures import BoardPoint
    from leaderboard.output.timelines import Timeline
    from leaderboard.pages.chips import ChipView
    from leaderboard.pages.fen import ClaimView
    from leaderboard.pages.models import ModelView
    from leaderboard.read.archives import Archive
    from leaderboard.read.forecasts import Forecasts
    from leaderboard.read.reported import Reported
    from leaderboard.words import Words
    from results.catalog import PriceSheet
    from results.economy.claims import Evidence
    from results.proof.moderation import Placed

__all__ = ["Content", "pages"]

# Rows in the page itself; the live board loads the others, the downloads hold all.
_STATIC_ROWS = 50
_LATEST = 8
# Runs described in full on a chip's page, and configurations on the history page.
_RUNS = 10
_LINES = 30
_LINES_OF_CHIP = 8
# What a prediction of ours may rest on; another forecaster's words stand as they are.
_LEVELS = frozenset({"datasheet", "kernels", "calibrated"})
_FORMATS = {
    "csv": "text/csv",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
# What lists of results need of each.
_HEAD = ["digest", "chip_id", "keyid", "runner", "finished_at", "kernels"]


class Content:
    """Everything the pages are made from, language apart.

    Attributes:
        rows: of all results, ranked.
        rated: those with a throughput of output tokens: the rows of the board.
        site_url: with a slash at the end, empty when it is not known.
        stamp: identifies the code, the data and the prices that pages are made with.
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
        self.timelines: Mapping[str, Sequence[Timeline]] = {}
        self.reported = reported
        self.forecasts = forecast
        self.sheet = sheet
        self.stamp = cache.stamp(sheet)
        self.site_url = f"{base_url.rstrip('/')}/" if base_url else ""
        self.rows = ranking.ranked(archive.rows)
        self.rated = self.rows[self.rows["throughput"].notna()]
        self.chips: Mapping[str, ChipView] = chips.views(self.rows, sheet)
        self.models: Mapping[str, ModelView] = models.views(self.rows)
        self.of_chip = Groups(self.rows, "chip_id")
        self.of_model = Groups(self.rows, "model_id")

    @cached_property
    def sheets(self) -> list[PriceSheet]:
        """Every dated sheet, oldest first, and last the one that costs are computed with."""
        held = [sheet for sheet in catalog.price_sheets().values() if sheet != self.sheet]
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
        serving = ranking.serving(self.rows)
        model = board.opening(self.rated)
        return serving[serving["model_id"] == model] if model else serving

    @cached_property
    def curved(self) -> Mapping[str, pd.DataFrame]:
        """The rows of each chip whose curve was measured."""
        return Groups(plots.measured(self.rows), "chip_id")

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
    def notices(self) -> Sequence[Placed]:
        """What was said of results in the logs, newest first."""
        said = [one for own in self.archive.moderated.values() for one in own.state.notices]
        return sorted(said, key=lambda one: (one.time or one.notice.at, one.index), reverse=True)

    @cached_property
    def evidence(self) -> Sequence[Evidence]:
        """What a claim is set beside."""
        return evidence(self.rows, self.reported, self.stamp)

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
        """Identify what a chip's page shows: its results, and what others report of it."""
        others = self.reported.made_of if self.reported.of_chip(chip) else ""
        drawn = sorted(self.timelines.keys() & set(self.runs_of(chip)))
        return f"{self.made_of_chip.get(chip, '')} {others} {' '.join(drawn)}"

    def runs_of(self, chip: str) -> Sequence[str]:
        """Return the results that a chip's page shows in full, newest first."""
        return self._runs.get(chip, ())

    @cached_property
    def _runs(self) -> Mapping[str, Sequence[str]]:
        groups = self.newest.groupby("chip_id", sort=False)["digest"]
        return {str(chip): own[:_RUNS].tolist() for chip, own in groups}

    @cached_property
    def made_of_model(self) -> Mapping[str, str]:
        """Identify the results of each model, the same way."""
        return self._made_of_each("model_id")

    @cached_property
    def made_of_all(self) -> str:
        """Identify all results, signed and reported."""
        signed = " ".join(f"{chip} {made_of}" for chip, made_of in self.made_of_chip.items())
        return hashlib.sha256(f"{signed} {self.reported.made_of}".encode()).hexdigest()

    def _made_of_each(self, column: str) -> dict[str, str]:
        results = self.rows[[column, "digest"]].drop_duplicates().groupby(column)["digest"]
        return {
            str(name): hashlib.sha256(
                "\n".join(self._known[digest] for digest in sorted(own)).encode()
            ).hexdigest()
            for name, own in results
        }

    @cached_property
    def _known(self) -> Mapping[str, str]:
        """A line on each result: what no row says of it, and may change without it."""
        return {
            digest: f"{digest} {source.tier} {source.log} {source.index} "
            f"{' '.join(one.notice.digest for one in source.state.notices)}"
            for digest, source in self.archive.sources.items()
        }


def pages(_: Words, content: Content) -> Iterator[Page]:
    """Yield every generated page of a language."""
    first = content.opening
    measured = first[first["suite"] != ATTESTED]
    yield Page(
        template="overview",
        url="",
        title="What a million tokens really cost",
        context=lambda: {
            "answers": overview.answers(_, content.rows),
            **_best(_, content),
            "latest": _latest(content.rows, _.lang),
        },
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
            made_of=content.made_of_model.get(model.id, ""),
        )
    yield Page(
        template="curves",
        url="curves/",
        title="Curves",
        context=lambda: {"curves": _curves(_, content)},
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
                **board.proof_words(_),
            },
        },
    )
    yield from _fen(_, content)
    yield Page(
        template="history",
        url="history/",
        title="History",
        context=lambda: {
            "lines": history.lines(content.history, _.lang),
            "verdicts": _verdicts(_),
        },
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
        context=lambda: {"files": downloads.LISTING, "dataset": _dataset(_, content)},
        made_of="",
    )


def _best(_: Words, content: Content) -> dict[str, Any]:
    """What is known of each model on each chip, for the front page."""
    titles = {
        "owned": _("Owned"),
        "rented": _("Rented"),
        "energy": _("Energy, output tokens"),
        "rate": _("Output tokens/s per chip"),
    }
    return {
        "best": best.context(content.evidence),
        "limits": best.LIMITS,
        "measures": list(titles.items()),
        "sheet": content.sheet,
        "words": {"none": _("nobody has shown this yet")},
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
        made_of=content.made_of_all,
    )
    # Titles alone are needed where no page is made again.
    for view in content.claims:
        yield Page(
            template="claim",
            url=f"claims/{view.claim.id}/",
            title=_("Claim: {who}", who=view.claim.who_zh if _.lang == "zh" else view.claim.who),
            context=partial(_claim, sheet, view),
            made_of=content.made_of_all,
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
            title=f"{_.listed(section.publisher.title)}: {section.chip}",
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
    tables = _tables(_, rows)
    past = past_prices(chip.entry.id, content.sheets) if chip.entry else {}
    return {
        "chip": chip,
        "past": past,
        "past_drawn": drawn(_, chip.name, past, content.rates),
        **tables,
        "priced": [row for row in tables["rows"] if row.rent or row.owned or row.floor],
        "site_url": content.site_url,
        "curved": chip.id in content.curved,
        "kernels": kernels,
        "results": [content.archive.open(digest) for digest in content.runs_of(chip.id)],
        "timelines": content.timelines,
        "roofline": plots.roofline(_, kernels, "../../"),
        "lines": history.lines(history.chosen(rows, _LINES_OF_CHIP), _.lang) if len(rows) else [],
        "verdicts": _verdicts(_),
        "reported": content.reported.of_chip(chip.id),
        "capped": _capped(_, content, chip, rows),
    }


def _capped(_: Words, content: Content, chip: ChipView, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Curves against the power cap: measured ones, then what others report, never in one chart."""
    held = shown(rows[rows["power_cap_w"].notna()], _.lang) if len(rows) else []
    own = power_caps.measured_curves(held, "../../")
    others = power_caps.reported_curves(_, content.reported.of_chip(chip.id))
    return [
        {"curves": found, "chart": power_curve.chart(_, found, measured=real), "measured": real}
        for found, real in ((own, True), (others, False))
        if found
    ]


def _model(_: Words, content: Content, model: ModelView) -> dict[str, Any]:
    rows = content.of_model.get(model.id, content.rows[:0])
    return {"model": model, **_tables(_, rows)}


def _tables(_: Words, rows: pd.DataFrame) -> dict[str, Any]:
    """Return the first rows of output tokens, how many there are, and the first of prefill."""
    if rows.empty:
        return {"rows": [], "total": 0, "prefills": []}
    rated, prefills = (rows[rows[name].notna()] for name in ("throughput", "prefill"))
    return {
        "rows": shown(rated[:_STATIC_ROWS], _.lang),
        "total": len(rated),
        "prefills": shown(prefills[:_STATIC_ROWS], _.lang),
    }


def _curves(_: Words, content: Content) -> list[dict[str, Any]]:
    """One chart per model: throughput of different models does not compare."""
    drawn = [
        {"model": model, "chart": found[0], "rows": found[1]}
        for model in _measured(content)
        if (found := plots.curve(_, content.of_model[model.id], "../"))
    ]
    return sorted(drawn, key=lambda item: -len(item["rows"]))


def _evens(_: Words, content: Content) -> list[dict[str, Any]]:
    """One chart per model that hosts sell: where a chip of one's own beats the API."""
    return [
        {"model": model, "charts": found[0], "price": found[1]}
        for model in _measured(content)
        if (found := breakeven(_, content.of_model[model.id], content.rates))
    ]


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


def _latest(rows: pd.DataFrame, lang: str) -> Sequence[Row]:
    """Show each result once, by its best row."""
    best = rows.loc[rows["suite"] != "", ["digest", "finished_at"]].drop_duplicates("digest")
    newest = best.sort_values("finished_at", ascending=False, kind="stable")[:_LATEST]
    return shown(rows.loc[newest.index], lang)


def _runners(content: Content) -> list[dict[str, Any]]:
    groups = content.newest.groupby("keyid", sort=True)
    runners = [
        {
            "name": own["runner"].iloc[0],
            "tier": content.archive.sources[own["digest"].iloc[0]].standing.tier,
            "results": len(own),
            "keyid": keyid,
            "last": own["finished_at"].iloc[0][:10],
        }
        for keyid, own in groups
    ]
    return sorted(runners, key=lambda runner: -runner["results"])
