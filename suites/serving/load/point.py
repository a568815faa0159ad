"""One point of load: what is sent, how much of it, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from suites.client.prompts import Turn

if TYPE_CHECKING:
    from suites.base.records import Label

__all__ = ["Arrival", "Point"]

Arrival = Literal["poisson", "constant", "burst", "gamma"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One load: closed, open, or the replay of a trace.

    Attributes:
        shape: "closed" holds `concurrency` requests in flight; "open" sends `rate` a second
            whatever comes back; "replay" sends `turns` when they are due.
        concurrency: closed: streams; open: cap on requests in flight, 0 for none.
        rate: open: requests per second; replay: those of the busiest second.
        arrival: open: how requests are spaced; "burst" sends eight at once.
        burstiness: "gamma": shape of the gaps' distribution; 1 is Poisson, below is burstier.
        input_tokens, output_tokens: per request; of several lengths the mean, rounded.
        lengths: input and output tokens of each request in turn, over and over; empty: all alike.
        isl_spread, osl_spread: what the lengths were spread by, as shares of the means.
        lengths_sha256: the file they are from.
        pooled: "embeddings" or "rerank" where nothing is generated, and no output counted.
        natural: the model ends its answers; `output_tokens` is the most.
        requests, duration_s: whichever is set ends the steady state.
        shared_prefix: share of each prompt that all have in common.
        request_limit_s: a request that takes longer has failed.
        turns: replay: what is due when, at the speed of the replay.
        trace, trace_sha256, trace_speed: replay: the file the turns are from.
        part: which of how many processes this part of the load is for.
    """

    shape: Literal["closed", "open", "replay"]
    input_tokens: int
    output_tokens: int
    lengths: tuple[tuple[int, int], ...] = ()
    isl_spread: float = 0.0
    osl_spread: float = 0.0
    lengths_sha256: str = ""
    pooled: str = ""
    natural: bool = False
    concurrency: int = 0
    rate: float = 0.0
    arrival: Arrival = "poisson"
    burstiness: float = 1.0
    requests: int = 0
    duration_s: float = 0.0
    shared_prefix: float = 0.0
    request_limit_s: float = 600.0
    turns: tuple[Turn, ...] = ()
    trace: str = ""
    trace_sha256: str = ""
    trace_speed: float = 1.0
    part: tuple[int, int] = (0, 1)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read back what `dataclasses.asdict` and JSON made of a point."""
        turns = tuple(
            Turn(arrival_s, isl, osl, session, tuple(blocks), known)
            for arrival_s, isl, osl, session, blocks, known in data["turns"]
        )
        lengths = tuple((isl, osl) for isl, osl in data["lengths"])
        return cls(**{**data, "turns": turns, "lengths": lengths, "part": tuple(data["part"])})

    @property
    def name(self) -> str:
        return f"{self.pooled}/{self._load}" if self.pooled else self._load

    @property
    def _load(self) -> str:
        if self.shape == "closed":
            return f"closed/c{self.concurrency}/{self._size}"
        if self.shape == "replay":
            prefix = f"/prefix{self.shared_prefix:g}" if self.shared_prefix else ""
            return f"replay/{self.trace}/x{self.trace_speed:g}{prefix}"
        return f"open/{self._spacing}/r{self.rate:g}/{self._size}"

    def condition(self, searched: str) -> str:
        """What a search for the highest rate or concurrency holds fixed."""
        spaced = f"/{self._spacing}" if self.shape == "open" else ""
        return f"{searched}{spaced}/{self._size}"

    @property
    def _spacing(self) -> str:
        return self.arrival + (f"{self.burstiness:g}" if self.arrival == "gamma" else "")

    @property
    def _size(self) -> str:
        size = f"isl{self.input_tokens}"
        if not self.pooled:
            size += f"/osl{'natural' if self.natural else self.output_tokens}"
        if self.isl_spread or self.osl_spread:
            size += f"/spread{self.isl_spread:g}-{self.osl_spread:g}"
        if self.lengths_sha256:
            size += f"/lengths-{self.lengths_sha256[:12]}"
        return size + (f"/prefix{self.shared_prefix:g}" if self.shared_prefix else "")

    @property
    def _tokens(self) -> dict[str, Label]:
        """How long requests and answers are."""
        if self.pooled:
            return {"isl": self.input_tokens}
        ended: dict[str, Label] = {"length": "natural"} if self.natural else {}
        return {"isl": self.input_tokens, "osl": self.output_tokens, **ended}

    @property
    def labels(self) -> dict[str, Label]:
        """The point's dimensions as rows carry them."""
        labels = self._tokens
        if self.shape == "closed" or self.concurrency:
            labels["concurrency"] = self.concurrency
        if self.shape == "open":
            labels |= {"rate": self.rate, "arrival": self.arrival}
        if self.arrival == "gamma":
            labels["burstiness"] = self.burstiness
        if self.shape == "replay":
            labels |= {
                "trace_sha256": self.trace_sha256,
                "trace_speed": self.trace_speed,
                "turns": len(self.turns),
                "sessions": len({turn.session for turn in self.turns}),
            }
        if self.isl_spread or self.osl_spread:
            labels |= {"isl_spread": self.isl_spread, "osl_spread": self.osl_spread}
        if self.lengths_sha256:
            labels["lengths_sha256"] = self.lengths_sha256
        if self.shared_prefix:
            labels["shared_prefix"] = self.shared_prefix
        return labels
