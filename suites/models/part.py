"""What one part of a layer must say of itself, so that a model is the sum of its layers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Frozen", "Natural", "Part", "PartCount", "Positive", "Routing", "causal_pairs"]

# No published size comes near; a sum of such numbers is still made in an instant.
_MOST = 10**9
Positive = Annotated[int, Field(gt=0, le=_MOST)]
Natural = Annotated[int, Field(ge=0, le=_MOST)]
# The deepest published models have some 130 layers.
PartCount = Annotated[int, Field(gt=0, le=10_000)]
Routing = Literal["uniform", "same"]


class Frozen(BaseModel):
    """Facts that never change and hold nothing unnamed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Part(Frozen):
    """A mixer of tokens or a feed-forward block.

    `hidden` is the width of the residual stream everywhere. One multiply-add is two FLOPs.
    """

    def matrices(self, hidden: int) -> int:
        """Weights that multiply one token on its way."""
        raise NotImplementedError

    def stored(self, hidden: int) -> int:
        """Weights of all matrices, those too that a token does not meet."""
        return self.matrices(hidden)

    def routed(self, _hidden: int) -> int:
        """Those of `stored` that lie in experts a router chooses among."""
        return 0

    def touched(self, _hidden: int, _tokens: int, _routing: Routing) -> float:
        """Those of `routed` that a step of so many tokens must read."""
        return 0.0

    def vectors(self, _hidden: int) -> int:
        """Learned values outside matrices: biases, norms, decays."""
        return 0

    def kv_values(self) -> int:
        """Values cached for one token."""
        return 0

    def kept(self, context: int) -> int:
        """Tokens of a sequence that the cache keeps."""
        return context

    def cached(self, context: int) -> int:
        """Values cached for a sequence of so many tokens."""
        return self.kept(context) * self.kv_values()

    def state_values(self) -> int:
        """Values kept for one sequence, however long it is."""
        return 0

    def decode_flops(self, _context: int) -> int:
        """FLOPs of one new token besides its matrices, when `context` are seen, itself included."""
        return 0

    def prefill_flops(self, isl: int) -> int:
        """FLOPs of a prompt of `isl` tokens besides their matrices."""
        return isl * self.decode_flops(1)

    def label(self) -> str:
        """What tells this kind of part from another, in a few words."""
        raise NotImplementedError


def causal_pairs(tokens: int, window: int) -> int:
    """Pairs (query, key) with key ≤ query and at most `window` keys per query."""
    seen = min(tokens, window)
    return seen * (seen + 1) // 2 + (tokens - seen) * seen
