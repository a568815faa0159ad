"""Every JSON file of the site, described as OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1).

A test holds each file of a built site to its description, and every description to a file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from leaderboard.figures.tables import SCHEMA
from leaderboard.output.dictionary import POINTS, type_of
from leaderboard.pages.best import FIELDS, Cell
from leaderboard.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.json_schema import JsonSchemaMode

__all__ = ["document"]

_VERSION = "3.1.1"
_REF = "#/components/schemas/{model}"
_CLOSED = with_config(ConfigDict(extra="forbid"))
Number = int | float | None


@_CLOSED
class Table(TypedDict):
    """Figures with their provenance: names of the columns, and a list for each row."""

    columns: list[str]
    data: list[list[Any]]


@_CLOSED
class BoardModel(TypedDict):
    """A model of the board: all its rows, and those under a serving load."""

    id: str
    name: str
    rows: int
    serving: int


@_CLOSED
class BoardIndex(TypedDict):
    """What the board knows before any row; `opening` is the model that it opens with."""

    opening: str
    models: list[BoardModel]
    choices: dict[str, list[str]]


@_CLOSED
class Texts(TypedDict):
    """A column of texts: the place of each row's among `values`, which may be in Chinese too."""

    values: list[str]
    codes: list[int]
    zh: NotRequired[list[str]]


@_CLOSED
class BoardColumns(TypedDict):
    """The rows of one model, by column, in their rank."""

    rows: int
    strings: dict[str, Texts]
    numbers: dict[str, list[Number]]


@_CLOSED
class Known(TypedDict):
    """What the front page's table chooses from: `points` are lists by `fields`.

    A point's row and chip are places among `rows` and `chips`; a row is model, its name, load and
    what the load is called; `shares` are the output tokens among all of a row.
    """

    measures: dict[str, bool]
    kinds: list[str]
    classes: list[str]
    g_per_joule: float
    chips: list[tuple[str, str]]
    rows: list[tuple[str, str, str, str]]
    shares: list[float | None]
    fields: list[str]
    points: list[Annotated[list[Any], Field(min_length=len(FIELDS), max_length=len(FIELDS))]]


@_CLOSED
class FrontPoint(TypedDict):
    """A configuration: tokens/s of a user and of a chip, and USD per Mtok by class of price."""

    kind: str
    chip: str
    load: int
    user: float
    rate: float
    usd: list[float | None]
    p99: float | None
    where: str
    setup: str
    about: str


@_CLOSED
class Front(TypedDict):
    """What is known of a model: cost against speed."""

    loads: list[str]
    classes: list[str]
    chips: dict[str, str]
    points: list[FrontPoint]


@_CLOSED
class ReportedCost(TypedDict):
    """Dollars and fens of a million output tokens, derived; null where they are not known."""

    rent: float | None
    rental: str
    fens: float | None
    owned: float | None
    kwh: float | None
    floor: float | None


@_CLOSED
class ReportedRow(TypedDict):
    """A row that others published; a figure is its value, its unit and notes."""

    id: str
    group: int
    published: int
    model: str
    precision: str
    engine: str
    load: str
    flags: list[str]
    chips: int | None
    figures: dict[str, list[str | float]]
    costs: list[ReportedCost]
    link: str
    date: str
    system: str
    place: str


@_CLOSED
class Search(TypedDict):
    """What the search looks in: a place is its kind, title, address, what it is, other names."""

    words: dict[str, str]
    places: list[list[str]]


@_CLOSED
class FeedItem(TypedDict):
    id: str
    url: str
    title: str
    content_text: str
    date_published: str
    tags: list[str]


@_CLOSED
class Feed(TypedDict):
    """News as JSON Feed 1.1 (jsonfeed.org)."""

    version: Literal["https://jsonfeed.org/version/1.1"]
    title: str
    language: str
    home_page_url: str
    feed_url: str
    items: list[FeedItem]


@_CLOSED
class Signature(TypedDict):
    keyid: str
    sig: str


class Envelope(TypedDict):
    """A signed statement (DSSE): the payload in base64 is of the statement's schema."""

    payload: str
    payloadType: str
    signatures: list[Signature]


@_CLOSED
class Log(TypedDict):
    """A log of results, and the key that signs it."""

    name: str
    origin: str
    public: str
    entries: int
    known: bool


class Key(TypedDict):
    """A key, whose it is, and since when it signs no more."""

    id: str
    keyid: str
    keytype: str
    public: str
    tier: str


class Laws(TypedDict):
    """Every law that figures are checked against, and the constants they take."""

    laws: list[dict[str, Any]]
    constants: dict[str, Any]


class Market(TypedDict):
    """Prices of chips by class, what owning costs, tariffs with their grids, hosted APIs."""

    sheet: str
    pue: float
    names: dict[str, str]
    classes: dict[str, dict[str, list[Any]]]
    owned: dict[str, list[Any]]
    regions: list[dict[str, Any]]
    apis: dict[str, list[list[float]]]


class Common(TypedDict):
    """Tables that predictions of all models share."""

    constants: dict[str, Any]
    chips: dict[str, Any]


class Choices(TypedDict):
    """What predictions of one model take, and what is known of its loads."""

    id: str
    geometry: dict[str, Any]
    evidence: Any


@dataclass(frozen=True, slots=True)
class _File:
    """A kind of file: what it is, what it holds, and whether each language has its own."""

    about: str
    of: Any
    translated: bool = False


_SERIES = dict[str, dict[str, Any]]
_SCHEMA = dict[str, Any]
FILES: Mapping[str, _File] = {
    "data/points.json": _File("every figure with its provenance", Table),
    "data/chips/{chip}.json": _File("the same of one chip", Table),
    "data/points.schema.json": _File("what its columns mean, as Table Schema", _SCHEMA),
    "data/reported.schema.json": _File("the same of reported results", _SCHEMA),
    "data/board/best.json": _File("the best that is known by model, load and chip", list[Cell]),
    "data/board/index.json": _File("models of the leaderboard", BoardIndex),
    "data/board/{model}.json": _File("rows of a model, by column", BoardColumns),
    "data/board/{model}.digests.json": _File("statements behind those rows", list[str]),
    "data/choose/market.json": _File("prices that a choice is made at", Market),
    "data/choose/common.json": _File("tables of predictions", Common),
    "data/choose/models/{model}.json": _File("the same of one model", Choices),
    "data/proofs/keys.json": _File("keys that sign", list[Key]),
    "data/proofs/laws.json": _File("laws that figures are checked against", Laws),
    "data/proofs/logs.json": _File("logs of results", list[Log]),
    "data/proofs/{prefix}.json": _File(
        "place of each result in a log, by the first two digits of its digest",
        dict[str, list[Any]],
    ),
    "schema/statement-v{version}.json": _File("JSON Schema of a signed statement", _SCHEMA),
    "statements/{digest}.dsse.json": _File("a signed result", Envelope),
    "samples/{digest}.json": _File("raw samples of a result, by process", _SERIES),
    "models/{model}/front.json": _File("cost against speed of a model", Front, translated=True),
    "reported/{page}/rows.json": _File("what others published", list[ReportedRow], translated=True),
    "best.json": _File("every point the front page's table chooses from", Known, translated=True),
    "search.json": _File("what the search looks in", Search, translated=True),
    "feed.json": _File("news", Feed, translated=True),
}


def document(root: str) -> str:
    """Return `data/openapi.json`.

    Args:
        root: address of the site with a slash at the end; empty where it is not known.
    """
    inputs: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]]
    inputs = [(name, "serialization", TypeAdapter(file.of)) for name, file in FILES.items()]
    schemas, shared = TypeAdapter.json_schemas(inputs, ref_template=_REF)
    parts = shared.get("$defs", {})
    parts["Table"]["properties"] |= _columns()
    told = {
        "openapi": _VERSION,
        "info": {
            "title": "Fenmark",
            "version": "1",
            "description": "The files of the site. They are static: there is only GET.",
        },
        "servers": [{"url": root or "../"}],
        "paths": {
            path: {"get": _operation(path, file, schemas[name, "serialization"])}
            for name, file in FILES.items()
            for path in _paths(name, file)
        },
        "components": {"schemas": parts},
    }
    return json.dumps(told, ensure_ascii=False, indent=1)


def _paths(name: str, file: _File) -> Iterator[str]:
    for lang in LANGUAGES if file.translated else LANGUAGES[:1]:
        yield f"/{name}" if lang == "en" else f"/{lang}/{name}"


def _operation(path: str, file: _File, schema: Mapping[str, Any]) -> dict[str, Any]:
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    return {
        "summary": file.about,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ],
        "responses": {
            "200": {
                "description": file.about,
                "content": {"application/json": {"schema": schema}},
            }
        },
    }


def _columns() -> dict[str, Any]:
    """Describe the rows of figures by the columns' own types."""
    kinds = [type_of(SCHEMA.field(column.name).type) for column in POINTS]
    rows = {
        "type": "array",
        "prefixItems": [
            {"type": [kind, "null"], "title": column.name, "description": column.about}
            for kind, column in zip(kinds, POINTS, strict=True)
        ],
        "items": False,
    }
    return {
        "columns": {"const": [column.name for column in POINTS]},
        "data": {"type": "array", "items": rows},
    }
