"""What every column of the downloads means: shown on the data page, and a file for programs.

The file is a Table Schema (Frictionless Data): https://specs.frictionlessdata.io/table-schema/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["POINTS", "REPORTED", "SUFFIXES", "VIEW", "Column", "table_schema", "type_of"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file.

    Attributes:
        about: what it is, English.
        unit: of a number, or of text the form it has; empty where there is none.
        formula: how it is derived; empty of what stands in the statement.
    """

    name: str
    about: str
    unit: str = ""
    formula: str = ""


_PROVENANCE = (
    Column("profile", "how long and how often was measured: quick, standard or full"),
    Column("meters", "power meters of the run, each with its scope and method"),
    Column("trust", "what is known beyond the signature: self-signed to reproduced"),
    Column("measured_at", "when the run ended", "ISO 8601, UTC"),
    Column("runner", "name that the signer's key file bears"),
    Column("keyid", "digest of the key that signed", "SHA-256, hexadecimal"),
    Column("log_index", "place of the result in its log; empty where it is not logged"),
    Column("warnings", "how many warnings the run itself gave", "count"),
    Column(
        "flags", "how many laws have something against the result; such a row never ranks", "count"
    ),
    Column("suite_version", "version of Fenmark that measured"),
    Column(
        "statement_sha256",
        "name of the signed statement that the row is from",
        "SHA-256, hexadecimal",
    ),
)
_FIGURE = (
    Column(
        "value",
        "the figure: of a latency the percentile in its metric, else the median of processes",
    ),
    Column("low", "lower end of its 95% interval; empty where the samples give none", "as unit"),
    Column("high", "upper end, likewise", "as unit"),
    Column("n", "samples or processes that the figure rests on", "count"),
)
_MONEY = (
    Column("price_sheet", "the dated sheet that costs are derived with"),
    Column("rent_price", "class, date and offers of the rental price; one class in all rows"),
    Column(
        "rent_usd_per_mtok", "rent for a million output tokens, derived", "USD/Mtok",
        "USD per chip-hour × chips ÷ (tokens/s × 3600) × 10⁶; of a CPU, cores",
    ),
    Column(
        "owned_usd_per_mtok", "chips of your own for a million output tokens, derived", "USD/Mtok",
        "(purchase ÷ (life × utilization) + other/h + kW × PUE × tariff) ÷ (tokens/s × 3600) × 10⁶",
    ),
    Column(
        "electricity_usd_per_mtok", "electricity of a million output tokens, derived", "USD/Mtok",
        "J/token × 10⁶ ÷ 3.6·10⁶ × PUE × tariff",
    ),
    Column(
        "floor_usd_per_mtok", "the least electricity by the datasheet, derived", "USD/Mtok",
        "max(FLOP ÷ peak, bytes ÷ bandwidth) × nameplate W, as electricity",
    ),
)  # fmt: skip

POINTS: tuple[Column, ...] = (
    Column("chip", "id of the chip's page"),
    Column("chip_name", "as its driver calls it"),
    Column("chips", "how many were measured; of a CPU, cores", "count"),
    Column("suite", "kernels, inference, serving, quality, or attested"),
    Column("case", "what was measured: kernel and shape, or phase, batch and lengths, or load"),
    Column(
        "metric",
        "what it is; a latency's percentile stands at its end, none means the median",
    ),
    Column("unit", "of value, low and high"),
    *_FIGURE,
    Column("method", "measured, modelled from nameplate power, or attested"),
    Column("model", "as the runner named it"),
    Column("precision", "of the weights"),
    Column("weights", "real, random (true speed, no meaning) or unknown"),
    Column("engine", "software that served"),
    Column("engine_version", "its version"),
    Column("isl", "input tokens of a request", "tokens"),
    Column("osl", "output tokens of a request", "tokens"),
    Column("concurrency", "requests in flight", "count"),
    Column("batch", "sequences in a step of an isolated phase", "count"),
    Column("context", "tokens before the one that is decoded", "tokens"),
    *_PROVENANCE,
    *_MONEY,
)
REPORTED: tuple[Column, ...] = (
    Column("publisher", "who published"),
    Column("view", "general, or mlperf, whose rules ask for a view of its own"),
    Column("licence", "under which it was published"),
    Column("file", "that was read"),
    Column("file_sha256", "of that file", "SHA-256, hexadecimal"),
    Column("importer_version", "version of Fenmark that read it"),
    Column("evidence", "measured by its publisher, or claimed by a vendor"),
    Column("origin", "where its publisher has it from"),
    Column("cite", "how to cite the publisher"),
    Column("id", "of the row in that file"),
    Column("flags", "what laws have against the row; such a row never ranks"),
    Column("url", "where it was published"),
    Column("date", "of the measurement, or else of the publication", "ISO 8601"),
    Column("chip", "id of the chip's page; empty for one that is not listed"),
    Column("chip_name", "as its publisher calls it"),
    Column("chips", "how many made the figure; empty where nobody says", "count"),
    Column("system", "machine, as published"),
    Column("model", "as published"),
    Column("precision", "as published"),
    Column("engine", "software, as published"),
    Column("load", "what was asked of the machine"),
    Column("suite", "that the figure would belong to here"),
    Column("case", "what was measured, by its publisher's names"),
    Column(
        "metric", "what the figure is: of Fenmark's names; derived costs have names of their own"
    ),
    Column("statistic", "of a latency: median, mean, p90, p99; empty where nobody says"),
    Column("tokens", "which tokens a rate, an energy or a cost counts"),
    Column("energy_scope", "what the meter saw: chip, node, wall"),
    Column("unit", "of value, low and high"),
    *_FIGURE,
    Column("method", "reported, or derived by Fenmark from reported figures"),
    Column("basis", "meter of an energy, price of a cost"),
    Column("price_sheet", "the dated sheet of a derived cost"),
)
# Figures of a file that a live table saves; each has the columns of `SUFFIXES` too.
VIEW: tuple[Column, ...] = (
    Column("output_throughput_tokens_per_s", "output tokens of the machine", "tokens/s"),
    Column("ttft_ms", "median time to first token", "ms"),
    Column("tpot_ms", "median time per output token", "ms"),
    Column("energy_j_per_output_token", "energy of an output token, as metered", "J/token"),
    *(own for own in _MONEY if own.unit and own.name != "electricity_usd_per_mtok"),
    Column(
        "electricity_fen_per_mtok", "electricity of a million output tokens, derived", "fen/Mtok",
        "electricity_usd_per_mtok × CNY/USD × 100",
    ),
)  # fmt: skip
SUFFIXES: Mapping[str, str] = {
    "_low": "lower end of the 95% interval",
    "_high": "upper end of the 95% interval",
    "_n": "samples that it rests on",
    "_method": "measured, modelled, attested, or derived and from what",
}


def table_schema(columns: Sequence[Column], kinds: pa.Schema) -> str:
    """Describe a table for programs, as Table Schema has it."""
    fields = [
        {
            "name": column.name,
            "type": type_of(kinds.field(column.name).type),
            "description": column.about,
            **({"unit": column.unit} if column.unit else {}),
            **({"formula": column.formula} if column.formula else {}),
        }
        for column in columns
    ]
    return json.dumps({"fields": fields}, ensure_ascii=False, indent=1)


def type_of(kind: pa.DataType) -> str:
    """Name a column's type as JSON Schema does."""
    if pa.types.is_integer(kind):
        return "integer"
    return "number" if pa.types.is_floating(kind) else "string"
