"""What a forecast is: a cell that nobody measured, what it will do, and how sure that is."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from results.statement import strict_json
from results.statement.statement import Name, Sha256, Timestamp  # noqa: TC001 (pydantic)
from results.statement.texts import unprintable
from suites.base.errors import UserError
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from typing import Self

__all__ = ["PREDICATE_TYPE", "Forecast", "ForecastCell", "ForecastTime", "payload", "read_forecast"]

PREDICATE_TYPE = "urn:fenmark:forecast:v1"
_Ms = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
_Size = Annotated[int, Field(ge=1, le=10_000_000)]


class ForecastCell(StrictModel):
    """What is forecast: names as in the catalogue and the library, sizes as of a cell."""

    chip: Name
    model: Name
    engine: Name
    precision: Name
    tp: _Size
    dp: _Size
    ep: _Size
    isl: _Size
    osl: _Size
    concurrency: _Size

    def words(self) -> str:
        """In one line."""
        return (
            f"{self.chip}, {self.model}, {self.engine}, {self.precision}, "
            f"TP {self.tp} DP {self.dp} EP {self.ep}, "
            f"{self.isl}/{self.osl}, {self.concurrency} at once"
        )


class ForecastTime(StrictModel):
    """A mean time in ms, with the interval that is to hold it in nine cases of ten."""

    value: _Ms
    low: _Ms
    high: _Ms

    @model_validator(mode="after")
    def _lies_within(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError("the value lies outside its interval")
        return self


class Forecast(StrictModel):
    """One forecast.

    Attributes:
        made_at: as the forecaster says; what counts is the place in the log.
        forecaster: program and version, or a name.
        level: what it rests on, such as "datasheet" or "kernels".
        price_sheet: that `usd_per_mtok`, of output tokens, is by; None where no price is.
    """

    schema_version: Literal[1]
    made_at: Timestamp
    forecaster: Name
    cell: ForecastCell
    tpot_ms: ForecastTime
    ttft_ms: ForecastTime
    level: Name
    price_sheet: Name | None = None
    usd_per_mtok: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _has_a_date(self) -> Self:
        datetime.fromisoformat(self.made_at)
        return self


class _Digest(StrictModel):
    sha256: Sha256


class _ForecastSubject(StrictModel):
    name: Name
    digest: _Digest


class _ForecastStatement(StrictModel):
    type_: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[list[_ForecastSubject], Field(min_length=1, max_length=1)]
    predicateType: Literal["urn:fenmark:forecast:v1"]  # noqa: N815 - in-toto's own name
    predicate: Forecast

    @model_validator(mode="after")
    def _is_of_its_cell(self) -> Self:
        if self.subject[0].digest.sha256 != _digest(self.predicate.cell):
            raise ValueError("the subject is another cell than the one forecast")
        return self


def _digest(cell: ForecastCell) -> str:
    return hashlib.sha256(strict_json.canonical(cell.model_dump(mode="json"))).hexdigest()


def payload(forecast: Forecast) -> bytes:
    """The bytes that are signed: an in-toto statement about the cell, as canonical JSON."""
    statement: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "cell", "digest": {"sha256": _digest(forecast.cell)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": forecast.model_dump(mode="json"),
    }
    return strict_json.canonical(statement)


def read_forecast(data: bytes, where: str) -> Forecast:
    """Read payload bytes that a signature was found good for.

    Raises:
        UserError: they are not a forecast; names the first field.
    """
    value = strict_json.loads(data, where)
    if place := unprintable(value):
        raise UserError("cannot be printed", where=f"{where}:{'.'.join(map(str, place))}")
    try:
        return _ForecastStatement.model_validate(value).predicate
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "statement"
        raise UserError(
            first["msg"], where=f"{where}:{field}", expected="a forecast of `fenmark forecast`"
        ) from error
