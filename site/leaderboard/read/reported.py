"""Others' published results as the pages show them: by publisher and chip.

They are never rows of the board: nothing here is ranked, and no page sets one beside a measured
figure. MLPerf's have pages of their own, as its rules ask.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from leaderboard.base.text import clean, prose, slug
from leaderboard.figures.figures import is_physical
from results import catalog
from results.checks import judge_reported
from results.reported import KINDS
from results.reported.costing import reported_cost_rows
from results.statement.reported import contents, parsed
from results.statement.reported import files as reported_files
from suites.base.errors import UserError
from suites.base.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from markupsafe import Markup

    from leaderboard.words import Words
    from results.catalog import PriceSheet
    from results.economy.costs import CostRow
    from results.statement.reported import (
        ReportedFile,
        ReportedMeasurement,
        ReportedResult,
        ReportedSource,
    )
    from results.statement.statement import StatedLabel

__all__ = ["Publisher", "PublisherLines", "Reported", "ReportedLine", "Section", "read"]

# The most telling statistic comes first; a figure without one is a mean or a single value.
_STATISTICS = ("median", "p50", None, "mean", "p90", "p95", "p99", "p99.9")
# Parts a metric from what its energy covers, in the name of a column.
_OF = " of the "
# Metric -> the one that stands in its place where a page has both.
_BETTER = {
    "itl": "tpot",
    "interactivity": "tpot",
    "e2e": "ttft",
    "input_throughput": "output_throughput",
    "request_throughput": "output_throughput",
    "power": "energy_per_output_token",
}
# On this site "measured" alone means by Fenmark's own instruments.
_EVIDENCE = {
    "measured": "measured by its publisher",
    "vendor-claimed": "claimed by its vendor",
    "simulated": "simulated by its publisher",
}
# Hexadecimal digits of a row's content: of a million rows no two are likely to share them.
_ANCHOR = 12
# Labels that say what was asked of the machine, in the order a reader wants them.
_ASKED = ("Category", "Scenario", "Submitter", "mode", "task", "column")


@dataclass(frozen=True, kw_only=True)
class ReportedLine:
    """One reported result.

    Attributes:
        anchor: names the row on its page, by what was published and not by where in the file.
        sheet: what its costs are derived with.
    """

    anchor: str
    source: ReportedSource
    result: ReportedResult
    sheet: PriceSheet | None

    @cached_property
    def figures(self) -> Mapping[str, ReportedMeasurement]:
        """One of each metric, and of each scope of an energy, at its most telling statistic."""
        return _best_figures(self.result.measurements)

    @cached_property
    def costs(self) -> Sequence[CostRow]:
        """Derived by Fenmark, as `fenmark cost` derives them."""
        return reported_cost_rows(self.result, self.sheet) if self.sheet else ()

    @cached_property
    def flags(self) -> Sequence[str]:
        """What the laws have against it, one sentence each."""
        return _flags(self.result)

    @property
    def asked(self) -> dict[str, StatedLabel]:
        """Labels of the result and of all its figures."""
        labels = dict(self.result.labels)
        for measurement in self.result.measurements:
            labels |= measurement.labels
        return labels

    @property
    def p99(self) -> Mapping[str, ReportedMeasurement]:
        """The 99th percentile of a metric, where it was published."""
        rows = self.result.measurements
        return {row.metric: row for row in rows if row.labels.get("statistic") == "p99"}

    def load(self, _: Words) -> str:
        """Say what was asked of the machine, such as "1024→1024 tokens · concurrency 64"."""
        asked = self.asked
        parts = [str(asked[name]) for name in _ASKED if asked.get(name)]
        if asked.get("isl") and asked.get("osl"):
            parts.append(_("{isl}→{osl} tokens", isl=asked["isl"], osl=asked["osl"]))
        if users := asked.get("concurrency"):
            parts.append(_("concurrency {n}", n=users))
        return clean(" · ".join(parts) or self.result.measurements[0].case)

    def place(self, _: Words) -> str:
        """Say where in its file the row stands: MLPerf's rules ask for the result's own ID."""
        name, mark, row = self.result.id.rpartition("#")
        if self.source.view == "mlperf" and mark:
            return clean(name)
        return _("row {n}", n=row)

    @property
    def subject(self) -> str:
        """The model, or what ran where there is none: the second part of the case."""
        case = self.result.measurements[0].case
        return clean(self.result.model or case.partition("/")[2].partition("/")[0] or case)

    @property
    def link(self) -> str:
        """Where it was published; empty where that is not a web address."""
        url = self.result.url or ""
        return url if url.startswith(("https://", "http://")) else ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one publisher reports of one chip: a page, and a file of each kind.

    Attributes:
        id: safe in a path.
        chip_id: of the chip's own page, empty for one that is not in the catalogue.
    """

    id: str
    chip_id: str
    chip: str
    publisher: Publisher
    results: Sequence[tuple[ReportedSource, ReportedResult]]

    @cached_property
    def lines(self) -> Sequence[ReportedLine]:
        anchors = _anchors(result for _, result in self.results)
        return [
            ReportedLine(
                anchor=anchor,
                source=source,
                result=result,
                sheet=self.publisher.sheet,
            )
            for anchor, (source, result) in zip(anchors, self.results, strict=True)
        ]

    @property
    def by_subject(self) -> Mapping[str, Sequence[ReportedLine]]:
        """Group the lines by what ran; most lines first."""
        groups: defaultdict[str, list[ReportedLine]] = defaultdict(list)
        for line in self.lines:
            groups[line.subject].append(line)
        return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))

    def columns(self, _: Words) -> dict[str, str]:
        """Return the columns of a table with their titles, in order.

        What another column tells as well, and better, is in the downloads alone. Energy of the
        chips, of the node and at the wall are columns of their own.
        """
        keys = {key for line in self.lines for key in line.figures}
        metrics = {key.partition(_OF)[0] for key in keys}
        titles = {
            "output_throughput": _("Output tokens/s"),
            "decode_throughput": _("Output tokens/s, decode"),
            "total_throughput": _("Input + output tokens/s"),
            "input_throughput": _("Input tokens/s"),
            "prefill_throughput": _("Input tokens/s"),
            "ttft": _("TTFT"),
            "tpot": _("TPOT"),
            "itl": _("ITL"),
            "interactivity": _("Interactivity"),
            "e2e": _("End to end"),
            "energy_per_output_token": _("Energy, output tokens"),
            "energy_per_input_token": _("Energy, input tokens"),
            "power": _("Power"),
            "compute_rate": _("Attained"),
            "bandwidth": _("Bandwidth"),
            "time": _("Kernel time"),
        }
        told = {metric for metric in metrics if _BETTER.get(metric) not in metrics}
        others = {metric: _(METRICS[metric].title) for metric in sorted(told - titles.keys())}
        shown = [
            (metric, title) for metric, title in {**titles, **others}.items() if metric in told
        ]
        return {
            key: title + _(" ({text})", text=_(scope)) if scope else title
            for metric, title in shown
            for key in sorted(keys)
            for own, _mark, scope in (key.partition(_OF),)
            if own == metric
        }


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Whose results one importer read, and from which files.

    Attributes:
        kind: of the importer, such as "mlperf"; names the files.
        view: "mlperf" stands apart.
        evidence, cite: how they came by the figures and how to cite them; empty where nobody says.
        refused, folded: rows of the files that are not a result of their own.
    """

    kind: str
    view: str
    title: str
    licence: str
    evidence: str
    cite: str
    footnote: str
    files: Sequence[ReportedSource]
    refused: int
    folded: int
    sheet: PriceSheet | None

    def notes(self, _: Words) -> list[Markup]:
        """Say what must stand beside the figures, as published too where it is translated."""
        return list(dict.fromkeys(map(prose, (_(self.footnote), self.footnote))))


@dataclass(frozen=True, kw_only=True)
class PublisherLines(Publisher):
    """Everything one importer read.

    Its sections know the publisher, not this: what knows each other is freed late.
    """

    sections: Sequence[Section]

    @property
    def total(self) -> int:
        return sum(len(section.results) for section in self.sections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """All reported results of the given folders.

    Attributes:
        made_of: identifies them.
        refused: (file, why) of those that cannot be read or drawn.
    """

    publishers: Sequence[PublisherLines]
    made_of: str
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def sections(self) -> Iterator[Section]:
        for publisher in self.publishers:
            yield from publisher.sections

    def of_chip(self, chip_id: str) -> list[Section]:
        return [section for section in self.sections if section.chip_id == chip_id]


def read(folders: Iterable[Path], sheet: PriceSheet | None) -> Reported:
    """Read the `*.reported.json` of some folders; the same published file counts once.

    A file that is none of ours is named, and hides no other.
    """
    known: dict[tuple[str, str], ReportedFile] = {}
    made_of: dict[tuple[str, str], str] = {}
    refused = []
    for path in (path for folder in folders for path in reported_files(folder)):
        try:
            data = contents(path)
            file = parsed(data, path)
            _can_be_drawn(file, path)
        except UserError as error:
            refused.append((str(path), str(error)))
            continue
        key = (file.source.kind, file.source.file_sha256)
        if key not in known:
            known[key], made_of[key] = file, hashlib.sha256(data).hexdigest()
    by_kind: defaultdict[str, list[ReportedFile]] = defaultdict(list)
    for key in sorted(known):
        by_kind[key[0]].append(known[key])
    publishers = [_publisher(kind, own, sheet) for kind, own in by_kind.items()]
    # MLPerf stands apart from the others, after them.
    publishers.sort(
        key=lambda publisher: (publisher.view != "general", -publisher.total, publisher.kind)
    )
    every = " ".join(made_of.values())
    return Reported(
        publishers=publishers,
        made_of=hashlib.sha256(every.encode()).hexdigest() if every else "",
        refused=tuple(refused),
    )


def _can_be_drawn(file: ReportedFile, path: Path) -> None:
    """Hold a file against what the pages know.

    Raises:
        UserError: its kind names no importer, or a figure is of no metric or magnitude of ours.
    """
    kind = file.source.kind
    if kind not in KINDS:
        raise UserError(f"is of kind {kind!r}", where=str(path), expected=", ".join(KINDS))
    for result in file.results:
        for figure in result.measurements:
            if figure.metric not in METRICS or not is_physical(figure):
                raise UserError(
                    f"has the figure {figure.metric!r} of {figure.value:.3g}",
                    where=f"{path}:{result.id}",
                    expected="a metric and a magnitude that Fenmark knows",
                    remedy="import it again",
                )


def _publisher(
    kind: str, files: Sequence[ReportedFile], sheet: PriceSheet | None
) -> PublisherLines:
    source = files[0].source
    publisher = Publisher(
        kind=kind,
        view=source.view,
        title=clean(source.title),
        licence=clean("; ".join(dict.fromkeys(file.source.licence for file in files))),
        evidence=_EVIDENCE.get(source.evidence or "", ""),
        cite=clean(source.cite or ""),
        footnote=source.footnote,
        files=[file.source for file in files],
        refused=sum(len(file.refused) for file in files),
        folded=sum(len(file.folded) for file in files),
        sheet=sheet,
    )
    by_chip: defaultdict[str, list[tuple[ReportedSource, ReportedResult]]] = defaultdict(list)
    for file in files:
        for result in file.results:
            by_chip[_chip_name(result)].append((file.source, result))
    sections = []
    for chip, results in sorted(by_chip.items(), key=lambda item: (-len(item[1]), item[0])):
        claimed = results[0][1].chip.catalog_id
        listed = claimed if claimed in catalog.chips() else ""
        sections.append(
            Section(
                id=f"{kind}-{listed or f'unlisted-{slug(chip)}'}",
                chip_id=listed,
                chip=chip,
                publisher=publisher,
                results=results,
            )
        )
    return PublisherLines(**vars(publisher), sections=sections)


def _anchors(results: Iterable[ReportedResult]) -> Iterator[str]:
    """Name each row by its content; what is published again, word for word, is counted."""
    times: Counter[str] = Counter()
    for result in results:
        content = result.model_dump_json(exclude={"id"}).encode()
        anchor = f"row-{hashlib.sha256(content).hexdigest()[:_ANCHOR]}"
        times[anchor] += 1
        yield anchor if times[anchor] == 1 else f"{anchor}-{times[anchor]}"


def _flags(result: ReportedResult) -> list[str]:
    findings = judge_reported(result).findings
    return list(dict.fromkeys(clean(f"{finding.rule}: {finding.reason}") for finding in findings))


def _chip_name(result: ReportedResult) -> str:
    entry = catalog.chips().get(result.chip.catalog_id or "")
    return entry.name if entry else clean(result.chip.name)


def _best_figures(measurements: Sequence[ReportedMeasurement]) -> dict[str, ReportedMeasurement]:
    """Return one figure of each column; the downloads have every statistic."""
    best: dict[str, ReportedMeasurement] = {}
    for figure in sorted(measurements, key=_telling):
        scope = figure.labels.get("scope")
        best.setdefault(f"{figure.metric}{_OF}{scope}" if scope else figure.metric, figure)
    return best


def _telling(measurement: ReportedMeasurement) -> int:
    statistic = measurement.labels.get("statistic")
    return _STATISTICS.index(statistic) if statistic in _STATISTICS else len(_STATISTICS)
