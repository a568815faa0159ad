"""One point of load: what is sent, how much of it, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, Self

from suites.client.prompts import Turn
from suites.quality.hidden import Hidden
from suites.serving.load.adapters import Mix, mix_text
from suites.serving.load.media import Media
from suites.serving.load.sessions import SessionShape

if TYPE_CHECKING:
    from suites.base.records import Label

__all__ = ["Arrival", "Point"]

Arrival = Literal["poisson", "constant", "burst", "gamma"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One load: closed, open, sessions, or the replay of a trace.

    Attributes:
        shape: "closed" holds `concurrency` requests in flight; "open" sends `rate` a second
            whatever comes back; "replay" sends `turns` when they are due; "sessions" holds
            `concurrency` conversations.
        concurrency: closed: streams; sessions: people or agents; open: cap on requests in flight,
            0 for none.
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
        sessions: what every conversation looks like.
        ramp: the rates, or streams, of one step after another, the last of which is also `rate`
            or `concurrency`; `duration_s` is that of all.
        step: which of them this is, from 1; 0 for all of the ramp.
        media: images or sounds beside each prompt's text.
        lora_mix: names of adapters with their shares.
        drafting: how the engine drafts tokens, as cases are told apart by it; empty for not at all.
        hidden: which requests are questions.
        part: which of how many processes this part of the load is for.
    """

    shape: Literal["closed", "open", "replay", "sessions"]
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
    sessions: SessionShape | None = None
    ramp: tuple[float, ...] = ()
    step: int = 0
    media: Media | None = None
    lora_mix: Mix = ()
    drafting: str = ""
    hidden: Hidden | None = None
    part: tuple[int, int] = (0, 1)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read back what `dataclasses.asdict` and JSON made of a point."""
        turns = tuple(
            Turn(arrival_s, isl, osl, session, tuple(blocks), known)
            for arrival_s, isl, osl, session, blocks, known in data["turns"]
        )
        lengths = tuple((isl, osl) for isl, osl in data["lengths"])
        sessions = data["sessions"]
        return cls(
            **{
                **data,
                "turns": turns,
                "lengths": lengths,
                "sessions": SessionShape.from_json(sessions) if sessions else None,
                "ramp": tuple(data["ramp"]),
                "media": Media(**data["media"]) if data["media"] else None,
                "lora_mix": tuple((name, share) for name, share in data["lora_mix"]),
                "hidden": Hidden(**data["hidden"]) if data["hidden"] else None,
                "part": tuple(data["part"]),
            }
        )

    @property
    def name(self) -> str:
        """The case, as results have it."""
        case = f"{self.pooled}/{self._case}" if self.pooled else self._case
        return case + self._drafted

    @property
    def _drafted(self) -> str:
        return f"/{self.drafting}" if self.drafting else ""

    @property
    def _case(self) -> str:
        if not self.ramp:
            return self._name
        return "/".join(["ramp", self._rise, *([self._place, self._name] if self.step else [])])

    @property
    def step_s(self) -> float:
        """How long each step of a ramp lasts; 0 where there is none."""
        return self.duration_s / len(self.ramp) if self.ramp else 0.0

    @property
    def _rise(self) -> str:
        return f"{self.ramp[0]:g}-{self.ramp[-1]:g}"

    @property
    def _place(self) -> str:
        return f"step{self.step}of{len(self.ramp)}"

    @property
    def _name(self) -> str:
        if self.shape == "closed":
            return f"closed/c{self.concurrency}/{self._size}"
        if self.sessions:
            return f"{self.sessions.kind}/n{self.concurrency}/{self._size}"
        if self.shape == "replay":
            prefix = f"/prefix{self.shared_prefix:g}" if self.shared_prefix else ""
            return f"replay/{self.trace}/x{self.trace_speed:g}{prefix}"
        return f"open/{self._spacing}/r{self.rate:g}/{self._size}"

    def condition(self, searched: str) -> str:
        """What a search for the highest rate or concurrency holds fixed."""
        spaced = f"/{self._spacing}" if self.shape == "open" else ""
        return f"{searched}{spaced}/{self._size}{self._drafted}"

    @property
    def _spacing(self) -> str:
        return self.arrival + (f"{self.burstiness:g}" if self.arrival == "gamma" else "")

    @property
    def _conversation(self) -> str:
        """What tells one kind of session from another."""
        of = self.sessions
        assert of is not None
        parts = [f"turns{of.turns}", f"isl{of.first_tokens}+{of.turn_tokens}"]
        parts += [f"osl{'natural' if self.natural else of.output_tokens}"]
        parts += [f"think-{of.think.text}"] if of.think else []
        parts += [f"sub{of.sub_agents}"] if of.sub_agents else []
        parts += [f"cached{of.cache_target:g}"] if of.cache_target else []
        return "/".join(parts)

    @property
    def _size(self) -> str:
        if self.sessions:
            prefix = f"/prefix{self.shared_prefix:g}" if self.shared_prefix else ""
            return self._conversation + prefix
        size = f"isl{self.input_tokens}"
        if not self.pooled:
            size += f"/osl{'natural' if self.natural else self.output_tokens}"
        if self.isl_spread or self.osl_spread:
            size += f"/spread{self.isl_spread:g}-{self.osl_spread:g}"
        if self.lengths_sha256:
            size += f"/lengths-{self.lengths_sha256[:12]}"
        if self.media:
            size += f"/{self.media.name}"
        if self.lora_mix:
            size += f"/lora{len(self.lora_mix)}-{_digest(self.lora_mix)}"
        return size + (f"/prefix{self.shared_prefix:g}" if self.shared_prefix else "")

    @property
    def _of_trace(self) -> dict[str, Label]:
        return {
            "trace_sha256": self.trace_sha256,
            "trace_speed": self.trace_speed,
            "turns": len(self.turns),
            "sessions": len({turn.session for turn in self.turns}),
        }

    @property
    def _of_ramp(self) -> dict[str, Label]:
        if not self.step:
            return {}
        return {"ramp": self._rise, "step": self.step, "steps": len(self.ramp)}

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
        labels |= self._of_ramp
        if self.sessions:
            labels |= _of_sessions(self.sessions, self.concurrency)
        elif self.shape == "closed" or self.concurrency:
            labels["concurrency"] = self.concurrency
        if self.shape == "open":
            labels |= {"rate": self.rate, "arrival": self.arrival}
        if self.arrival == "gamma":
            labels["burstiness"] = self.burstiness
        if self.shape == "replay":
            labels |= self._of_trace
        if self.isl_spread or self.osl_spread:
            labels |= {"isl_spread": self.isl_spread, "osl_spread": self.osl_spread}
        if self.lengths_sha256:
            labels["lengths_sha256"] = self.lengths_sha256
        if self.shared_prefix:
            labels["shared_prefix"] = self.shared_prefix
        return labels | self._of_requests

    @property
    def _of_requests(self) -> dict[str, Label]:
        """What requests hold besides their text, and whom they ask."""
        labels = self.media.labels if self.media else {}
        if self.lora_mix:
            labels |= {"lora_mix": mix_text(self.lora_mix), "adapters": len(self.lora_mix)}
        if self.hidden:
            labels["hidden_share"] = self.hidden.share
        return labels


def _digest(mix: Mix) -> str:
    """Tells one mix from another in a case's name."""
    return sha256(repr([(name, f"{share:.6g}") for name, share in mix]).encode()).hexdigest()[:8]


def _of_sessions(sessions: SessionShape, count: int) -> dict[str, Label]:
    labels: dict[str, Label] = {
        sessions.kind: count,
        "turns": sessions.turns,
        "first_isl": sessions.first_tokens,
        "turn_isl": sessions.turn_tokens,
        "longest_isl": sessions.longest,
        "known_share": round(sessions.shared_share, 4),
    }
    if sessions.think:
        labels["think_time"] = sessions.think.text
    if sessions.sub_agents:
        labels["sub_agents"] = sessions.sub_agents
    if sessions.cache_target:
        labels["cache_target"] = sessions.cache_target
    return labels
