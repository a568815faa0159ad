"""One point of load: what is sent, how much of it, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from suites.records import Label

__all__ = ["Arrival", "Point"]

Arrival = Literal["poisson", "constant", "burst"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One load, closed or open.

    Attributes:
        shape: "closed" holds `concurrency` requests in flight; "open" sends `rate` a second
            whatever comes back.
        concurrency: closed: streams; open: cap on requests in flight, 0 for none.
        rate: open: requests per second.
        arrival: open: how requests are spaced; "burst" sends eight at once.
        input_tokens, output_tokens: per request.
        requests, duration_s: whichever is set ends the steady state.
        shared_prefix: share of each prompt that all have in common.
        request_limit_s: a request that takes longer has failed.
    """

    shape: Literal["closed", "open"]
    input_tokens: int
    output_tokens: int
    concurrency: int = 0
    rate: float = 0.0
    arrival: Arrival = "poisson"
    requests: int = 0
    duration_s: float = 0.0
    shared_prefix: float = 0.0
    request_limit_s: float = 600.0

    @property
    def name(self) -> str:
        size = f"isl{self.input_tokens}/osl{self.output_tokens}"
        if self.shape == "closed":
            return f"closed/c{self.concurrency}/{size}"
        return f"open/{self.arrival}/r{self.rate:g}/{size}"

    @property
    def labels(self) -> dict[str, Label]:
        """The point's dimensions as rows carry them."""
        labels: dict[str, Label] = {"isl": self.input_tokens, "osl": self.output_tokens}
        if self.shape == "closed" or self.concurrency:
            labels["concurrency"] = self.concurrency
        if self.shape == "open":
            labels |= {"rate": self.rate, "arrival": self.arrival}
        if self.shared_prefix:
            labels["shared_prefix"] = self.shared_prefix
        return labels
