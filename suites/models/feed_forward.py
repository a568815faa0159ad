"""Parts that work on each token alone: dense blocks and mixtures of experts."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from suites.models.part import Natural, Part, Positive, Routing

__all__ = ["Dense", "Experts"]


class Dense(Part):
    """A feed-forward block.

    Attributes:
        intermediate: its width.
        gated: two projections in, one gating the other; without, one.
        bias: the projections carry biases.
    """

    kind: Literal["dense"] = "dense"
    intermediate: Positive
    gated: bool = True
    bias: bool = False

    def matrices(self, hidden: int) -> int:
        """Gate and up, or up alone, and down."""
        return (3 if self.gated else 2) * hidden * self.intermediate

    def vectors(self, hidden: int) -> int:
        """Biases."""
        inward = 2 if self.gated else 1
        return inward * self.intermediate + hidden if self.bias else 0

    def label(self) -> str:
        """The kind, and what is unusual."""
        return "dense" if self.gated else "dense ungated"


class Experts(Part):
    """A mixture of experts in place of the dense block.

    Attributes:
        experts: routed experts of a layer.
        experts_per_token: routed experts one token visits.
        intermediate: width of one expert.
        shared_intermediate: width of all experts together that every token visits.
        shared_gate: they are weighed by one gate of their own (Qwen).
        gated: an expert has two projections in, one gating the other.
        router_scale: the router scales its input by a learned vector (Gemma 4).
        selection_bias: the router adds one learned value per expert (DeepSeek-V3's
            auxiliary-loss-free balancing, gpt-oss's router bias).
        expert_bias: experts carry biases.
        zero_experts: choices of the router that do nothing (LongCat).
        latent: routed experts work at this width, with one projection in and one out; 0 for none.
    """

    kind: Literal["experts"] = "experts"
    experts: Positive
    experts_per_token: Positive
    intermediate: Positive
    shared_intermediate: Natural = 0
    shared_gate: bool = False
    gated: bool = True
    router_scale: bool = False
    selection_bias: bool = False
    expert_bias: bool = False
    zero_experts: Natural = 0
    latent: Natural = 0

    @model_validator(mode="after")
    def _a_token_cannot_visit_more_experts_than_there_are(self) -> Experts:
        if self.experts_per_token > self.experts:
            raise ValueError("experts_per_token exceeds experts")
        return self

    def matrices(self, hidden: int) -> int:
        """Of the experts a token visits, the shared ones and the router.

        Of a router with choices that do nothing, the mean by an even draw.
        """
        visited = self.experts_per_token * self.experts
        return self._always(hidden) + visited * self._expert(hidden) // self._choices

    def stored(self, hidden: int) -> int:
        """Of all experts, the shared ones and the router."""
        return self._always(hidden) + self.routed(hidden)

    def routed(self, hidden: int) -> int:
        """Of all experts that the router chooses among."""
        return self.experts * self._expert(hidden)

    def touched(self, hidden: int, tokens: int, routing: Routing) -> float:
        """Of the experts that `tokens` tokens touch."""
        return self.distinct_experts(tokens, routing) * self._expert(hidden)

    def vectors(self, hidden: int) -> int:
        """Biases and scales of the router and the experts."""
        inward = 2 if self.gated else 1
        values = self._choices if self.selection_bias else 0
        values += hidden + self.experts if self.router_scale else 0
        each = inward * self.intermediate + (self.latent or hidden)
        return values + (self.experts * each if self.expert_bias else 0)

    def distinct_experts(self, tokens: int, routing: Routing) -> float:
        """Routed experts touched in one layer by `tokens` tokens.

        "uniform": the expectation when each token draws its experts at random,
        E·(1 − (1 − k/E)^tokens). "same": all tokens draw the same k, the least possible; none at
        all where the router may choose to do nothing.
        """
        if routing == "same":
            least = max(0, self.experts_per_token - self.zero_experts)
            return float(least) if tokens else 0.0
        missed = (1 - self.experts_per_token / self._choices) ** tokens
        return self.experts * (1 - missed)

    def label(self) -> str:
        """Such as "experts 8 of 256"."""
        return f"experts {self.experts_per_token} of {self.experts}"

    @property
    def _choices(self) -> int:
        return self.experts + self.zero_experts

    def _expert(self, hidden: int) -> int:
        return (3 if self.gated else 2) * (self.latent or hidden) * self.intermediate

    def _always(self, hidden: int) -> int:
        """Router, shared experts, and the projections around a latent."""
        shared = (3 if self.gated else 2) * hidden * self.shared_intermediate
        gate = hidden if self.shared_gate else 0
        return hidden * (self._choices + 2 * self.latent) + shared + gate
