"""What makers, hosts and laboratories say a token costs or a chip delivers: claims, never facts."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import Field, model_validator

from results.catalog import chips_data
from results.catalog.reading import Strict, read_toml
from suites import models
from suites.base.errors import UserError

if TYPE_CHECKING:
    from typing import Self

__all__ = ["CONDITIONS", "Condition", "PublishedClaim", "Unit", "claims"]

_FOLDER = Path(__file__).parent / "claims"

# What the figure of a claim is. A rate of a user is what one reader of the stream sees.
Unit = Literal[
    "CNY/Mtok", "USD/Mtok", "tokens/s per chip", "tokens/s per user", "J/token"
]  # fmt: skip
# What has to be said before anybody could repeat it.
Condition = Literal[
    "model", "chip", "precision", "lengths", "load", "latency", "token kind", "price of the chip",
    "utilization", "power", "speculation",
]  # fmt: skip
CONDITIONS: tuple[str, ...] = get_args(Condition)

_Text = Annotated[str, Field(min_length=1, max_length=400)]
_Day = Annotated[str, Field(pattern=r"^\d{4}(-\d\d(-\d\d)?)?$")]
_Length = Annotated[int, Field(strict=True, ge=1, le=10**7)]


class PublishedClaim(Strict):
    """One figure that somebody published.

    Attributes:
        id: stem of the file; safe in a path.
        who, who_zh: who says so, in English and in Chinese.
        said, said_zh: what they say, in our words.
        date: when they said it.
        source: address it was read at.
        firsthand: whether that is the claimant's own page; else somebody reports it there.
        read: day it was read.
        asked: whether the figure is what a host asks for tokens: a price, no cost.
        value, unit: the figure, on the side that flatters where a range was given.
        tokens: which tokens are counted, as far as it says.
        chip: catalogue id.
        model: id of a geometry that ships with Fenmark.
        precision: of the weights, as the source writes it.
        isl, osl: tokens of a prompt and of an answer.
        load, load_zh: what else was said of the load.
        speculation: whether it says that drafts were made (speculative decoding).
        unstated: what it does not say.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
    who: _Text
    who_zh: _Text
    said: _Text
    said_zh: _Text
    date: _Day
    source: Annotated[str, Field(pattern=r"^https?://[^\s\"<>]{4,300}$")]
    firsthand: bool
    read: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    asked: bool = False
    value: Annotated[float, Field(strict=True, gt=0, le=1e9)]
    unit: Unit
    tokens: Literal["input", "cached", "output", "total", "unstated"]
    chip: _Text | None = None
    model: _Text | None = None
    precision: _Text | None = None
    isl: _Length | None = None
    osl: _Length | None = None
    load: _Text | None = None
    load_zh: _Text | None = None
    speculation: bool = False
    unstated: list[Condition] = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_what_it_does_not_say(self) -> Self:
        missing = {"chip": self.chip, "model": self.model, "precision": self.precision}
        for name in self.unstated:
            if missing.get(name):
                raise ValueError(f"{name} is stated, and listed as unstated")
        if self.speculation and "speculation" in self.unstated:
            raise ValueError("speculation is stated, and listed as unstated")
        if (self.tokens == "unstated") != ("token kind" in self.unstated):
            raise ValueError("tokens and unstated disagree on the token kind")
        if (self.load is None) != (self.load_zh is None):
            raise ValueError("load and load_zh go together")
        return self


@cache
def claims() -> dict[str, PublishedClaim]:
    """Read the register by id, newest claim first.

    Raises:
        UserError: a file does not fit the schema, or names a chip or a model we do not know.
    """
    read = [_checked(path) for path in sorted(_FOLDER.glob("*.toml"))]
    return {claim.id: claim for claim in sorted(read, key=lambda claim: claim.date, reverse=True)}


def _checked(path: Path) -> PublishedClaim:
    claim = read_toml(path, PublishedClaim)
    if claim.id != path.stem:
        raise UserError(
            f"has the id {claim.id!r}", where=str(path), expected="the name of its file"
        )
    if claim.chip:
        chips_data.require(claim.chip, where=f"{path}:chip")
    if claim.model and claim.model not in models.available():
        raise UserError(
            f"names the model {claim.model!r}",
            where=f"{path}:model",
            expected=", ".join(models.available()),
        )
    return claim
