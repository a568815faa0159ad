"""Version 2 of a result: labels, metrics, units, suites and texts have types of their own.

Every field of version 2 is one of version 1 that may say less, so what reads
`results.statement.statement.Statement` reads both. New runs sign this version.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from results.statement.statement import (
    Chip,
    Machine,
    Measurement,
    Name,
    Option,
    Predicate,
    Run,
    StatedLabel,
    Statement,
    Text,
)
from results.statement.texts import FILE, LINE, is_line, unprintable
from suites.base.labels import LABELS
from suites.base.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
    from pydantic.json_schema import JsonSchemaValue

    from suites.base.labels import LabelType

__all__ = [
    "ATTESTED",
    "KNOWN_LABELS",
    "PREDICATE_TYPE",
    "ChipV2",
    "MachineV2",
    "StatementV2",
    "json_schema",
    "read_statement",
]

# A predicate whose meaning changes takes a type of its own (in-toto, "Predicate type").
PREDICATE_TYPE = "urn:fenmark:result:v2"
# The suite of figures that another harness measured: its file is what the result is about.
ATTESTED = "attested"
_SUITES = ("kernels", "inference", "serving", "quality")


@dataclass(frozen=True, slots=True)
class _OneOf:
    """Narrows a text to a closed list."""

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.literal_schema(list(self.names))


@dataclass(frozen=True, slots=True)
class _Labels:
    """Narrows a table of labels to the registry's names, each of its type."""

    others: Literal["forbid", "ignore"] = "forbid"

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        fields = {
            name: core_schema.typed_dict_field(_schema_of(label), required=False)
            for name, label in LABELS.items()
        }
        return core_schema.typed_dict_schema(fields, extra_behavior=self.others, strict=True)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        made = handler(schema)
        for name, described in made["properties"].items():
            label = LABELS[name]
            described["description"] = label.meaning + (f", {label.unit}" if label.unit else "")
        return made


def _schema_of(label: LabelType) -> core_schema.CoreSchema:
    if label.choices:
        return core_schema.literal_schema(list(label.choices))
    match label.type:
        case "boolean":
            return core_schema.bool_schema(strict=True)
        case "whole":
            return core_schema.int_schema(ge=int(label.least), le=int(label.most), strict=True)
        case "number":
            return core_schema.float_schema(
                ge=label.least, le=label.most, allow_inf_nan=False, strict=True
            )
        case "text":
            return core_schema.no_info_after_validator_function(
                _line, core_schema.str_schema(max_length=256, strict=True)
            )


def _line(text: str) -> str:
    if not is_line(text):
        raise _unprintable()
    return text


def _unprintable() -> PydanticCustomError:
    return PydanticCustomError("unprintable", "holds characters that are not printable")


# Checks the labels that have a type and passes over the others, as version 1 allows them.
KNOWN_LABELS: TypeAdapter[dict[str, StatedLabel]] = TypeAdapter(
    Annotated[dict[str, StatedLabel], _Labels(others="ignore")]
)

_METRICS_IN: dict[str, list[str]] = {}
for _metric in METRICS.values():
    _METRICS_IN.setdefault(_metric.unit, []).append(_metric.name)


# What JSON Schema says of two fields at once: a metric's unit, and whose an attested figure is.
_UNITS: list[JsonValue] = [
    {
        "if": {"properties": {"metric": {"enum": [*names]}}},
        "then": {"properties": {"unit": {"const": unit}}},
    }
    for unit, names in _METRICS_IN.items()
]
_OF_ANOTHER: JsonValue = {
    "if": {"properties": {"suite": {"const": ATTESTED}}},
    "then": {"properties": {"method": {"const": "reported"}}},
}


class MeasurementV2(Measurement):
    """One figure: a metric of the registry in its unit, with labels of the registry."""

    suite: Annotated[Name, _OneOf((*_SUITES, ATTESTED))]
    metric: Annotated[Name, _OneOf(tuple(METRICS))]
    labels: Annotated[dict[Name, StatedLabel], _Labels(), Field(default_factory=dict)]

    model_config = ConfigDict(json_schema_extra={"allOf": [*_UNITS, _OF_ANOTHER]})

    @field_validator("unit")
    @classmethod
    def _is_the_metrics(cls, unit: str, info: ValidationInfo) -> str:
        metric = METRICS.get(info.data.get("metric", ""))
        if metric and unit != metric.unit:
            raise PydanticCustomError(
                "unit", "{metric} is in {unit}", {"metric": metric.name, "unit": metric.unit}
            )
        return unit

    @field_validator("method")
    @classmethod
    def _is_the_harness(cls, method: str, info: ValidationInfo) -> str:
        if info.data.get("suite") == ATTESTED and method != "reported":
            raise PydanticCustomError("method", "what another harness measured is reported")
        return method


class RunV2(Run):
    """Which run this is; its id is a UUID, in lower case, and an option may have several lines."""

    id: Annotated[
        str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
    ]
    # What Fenmark measured and what another harness did are never one result.
    suites: Annotated[
        list[Annotated[Name, _OneOf((*_SUITES, ATTESTED))]],
        Field(
            min_length=1,
            max_length=4,
            json_schema_extra={
                "if": {"minItems": 2},
                "then": {"items": {"enum": [*_SUITES]}},
            },
        ),
    ]
    options: dict[Name, Annotated[Text, Field(pattern=FILE)] | Option] | None = None

    @field_validator("suites")
    @classmethod
    def _are_of_one_kind(cls, suites: list[str]) -> list[str]:
        if len(suites) > 1 and ATTESTED in suites:
            raise PydanticCustomError("suites", "an attested result has no other suite")
        return suites


class ChipV2(Chip):
    """What was measured, and how it stands on the bus.

    Attributes:
        pci: vendor and device of the accelerators, such as "10de:2330", each once; empty for a CPU
            and in results older than this field.
    """

    pci: Annotated[
        list[Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]],
        Field(max_length=64),
    ] = Field(default_factory=list)


class MachineV2(Machine):
    chip: ChipV2


class PredicateV2(Predicate):
    schema_version: Literal[2]  # type: ignore[assignment]  # no version is another
    run: RunV2
    machine: MachineV2
    measurements: Annotated[list[MeasurementV2], Field(min_length=1, max_length=10_000)]  # type: ignore[assignment]  # no list is changed


class StatementV2(Statement):
    """in-toto Statement v1 around a Fenmark predicate of version 2: every text can be printed."""

    predicateType: Literal["urn:fenmark:result:v2"]  # type: ignore[assignment]  # noqa: N815 - as in version 1
    predicate: PredicateV2

    @model_validator(mode="before")
    @classmethod
    def _is_printable(cls, value: Any) -> Any:
        if place := unprintable(value):
            raise ValidationError.from_exception_data(
                "StatementV2", [InitErrorDetails(type=_unprintable(), loc=place, input=None)]
            )
        return value


_VERSIONS: Mapping[int, type[Statement]] = {1: Statement, 2: StatementV2}


def read_statement(value: Any) -> Statement:
    """Read a statement of any version that this Fenmark knows.

    Args:
        value: parsed JSON.

    Raises:
        ValidationError: it does not fit the schema of its version; of version 1 if it names none.
        LookupError: its version is a newer one.
    """
    predicate = value.get("predicate") if isinstance(value, dict) else None
    version = predicate.get("schema_version") if isinstance(predicate, dict) else None
    if type(version) is not int:
        version = 1
    if version not in _VERSIONS:
        raise LookupError(version)
    return _VERSIONS[version].model_validate(value)


class _Published(GenerateJsonSchema):
    """Says of every text that it is printable, as `StatementV2` holds it."""

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        return {"pattern": LINE, **super().str_schema(schema)}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        # A name that is not printable is not one of any type either.
        return made | ({"additionalProperties": False} if "patternProperties" in made else {})


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema published as `results/schema/statement-v2.json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": PREDICATE_TYPE,
        **StatementV2.model_json_schema(by_alias=True, schema_generator=_Published),
    }


# python -m results.statement.statement_v2 > results/schema/statement-v2.json
if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1, sort_keys=True))
