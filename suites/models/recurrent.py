"""Parts that carry a state of fixed size from token to token instead of a cache.

FLOPs are those of products with the state, two a multiply-add; decays and gates are left out. A
depthwise convolution multiplies each token by its whole kernel, so it counts as a matrix.
"""

from __future__ import annotations

from typing import Literal

from suites.models.part import Natural, Part, Positive

__all__ = ["GatedDelta", "KimiDelta", "Lightning", "Mamba", "Mamba2", "Rwkv7", "ShortConv"]


class GatedDelta(Part):
    """Gated delta net (Yang et al. 2024, arXiv 2412.06464), as Qwen3-Next lays it out.

    Attributes:
        key_heads, value_heads, key_dim, value_dim: heads and their widths.
        conv: kernel of the convolution over queries, keys and values.
    """

    kind: Literal["gated_delta"] = "gated_delta"
    key_heads: Positive
    value_heads: Positive
    key_dim: Positive
    value_dim: Positive
    conv: Positive

    @property
    def _channels(self) -> int:
        return 2 * self.key_heads * self.key_dim + self.value_heads * self.value_dim

    def projections(self, hidden: int) -> dict[str, int]:
        """Weights of each projection by the names checkpoints give it; none for the convolution."""
        values = self.value_heads * self.value_dim
        return {
            "in_proj_qkv|in_proj_qkvz": hidden * self._channels,
            "in_proj_z|in_proj_qkvz": hidden * values,
            "in_proj_a|in_proj_b|in_proj_ba": hidden * 2 * self.value_heads,
            "": self._channels * self.conv,
            "out_proj": values * hidden,
        }

    def matrices(self, hidden: int) -> int:
        """All of them."""
        return sum(self.projections(hidden).values())

    def vectors(self, _hidden: int) -> int:
        """Decay and time bias a head, one norm."""
        return 2 * self.value_heads + self.value_dim

    def state_values(self) -> int:
        """A matrix a head, and the convolution's last inputs."""
        matrix = self.value_heads * self.key_dim * self.value_dim
        return matrix + self._channels * (self.conv - 1)

    def decode_flops(self, _context: int) -> int:
        """What the state holds of the key, the correction, the answer: three products."""
        return 6 * self.value_heads * self.key_dim * self.value_dim

    def label(self) -> str:
        """The kind alone."""
        return "gated delta net"


class KimiDelta(Part):
    """Kimi delta attention (Kimi Linear report, arXiv 2510.26692): a decay for each channel.

    Attributes:
        heads, head_dim: of queries, keys and values alike.
        conv: kernel of the three convolutions.
    """

    kind: Literal["kimi_delta"] = "kimi_delta"
    heads: Positive
    head_dim: Positive
    conv: Positive

    def matrices(self, hidden: int) -> int:
        """Four wide projections, convolutions, low-rank decay and gate, one scalar a head."""
        wide = self.heads * self.head_dim
        low_rank = 2 * (hidden + wide) * self.head_dim
        return 4 * hidden * wide + 3 * wide * self.conv + low_rank + hidden * self.heads

    def vectors(self, _hidden: int) -> int:
        """Decays, their biases, one norm."""
        return self.heads + self.heads * self.head_dim + self.head_dim

    def state_values(self) -> int:
        """A matrix a head, and the convolutions' last inputs."""
        return self.heads * self.head_dim * (self.head_dim + 3 * (self.conv - 1))

    def decode_flops(self, _context: int) -> int:
        """As the gated delta net: three products with the state."""
        return 6 * self.heads * self.head_dim**2

    def label(self) -> str:
        """The kind alone."""
        return "kimi delta attention"


class Lightning(Part):
    """Linear attention with a fixed decay (MiniMax-01 report, arXiv 2501.08313, section 2.2).

    Attributes:
        heads, head_dim: of queries, keys and values alike.
    """

    kind: Literal["lightning"] = "lightning"
    heads: Positive
    head_dim: Positive

    def matrices(self, hidden: int) -> int:
        """Queries, keys, values, gate and output."""
        return 5 * hidden * self.heads * self.head_dim

    def vectors(self, _hidden: int) -> int:
        """One norm over all heads."""
        return self.heads * self.head_dim

    def state_values(self) -> int:
        """A matrix a head."""
        return self.heads * self.head_dim**2

    def decode_flops(self, _context: int) -> int:
        """Key by value into the state, query by state out of it."""
        return 4 * self.heads * self.head_dim**2

    def label(self) -> str:
        """The kind alone."""
        return "lightning attention"


class Mamba(Part):
    """Selective state space (Gu and Dao 2023, arXiv 2312.00752).

    Attributes:
        inner: width inside; state: values of each channel; dt_rank: rank of the time step.
        conv: kernel of the convolution.
        conv_bias, bias: of the convolution, of the outer projections.
        norms: time step and both state inputs are normed (Jamba).
    """

    kind: Literal["mamba"] = "mamba"
    inner: Positive
    state: Positive
    dt_rank: Positive
    conv: Positive
    conv_bias: bool = True
    bias: bool = False
    norms: bool = False

    def matrices(self, hidden: int) -> int:
        """In with its gate, convolution, selection, time step, out."""
        selection = self.inner * (self.dt_rank + 2 * self.state) + self.dt_rank * self.inner
        return 3 * hidden * self.inner + self.inner * self.conv + selection

    def vectors(self, hidden: int) -> int:
        """Decays, skip, bias of the time step, and what the flags add."""
        values = self.inner * (self.state + 2) + (self.inner if self.conv_bias else 0)
        values += 2 * self.inner + hidden if self.bias else 0
        return values + (self.dt_rank + 2 * self.state if self.norms else 0)

    def state_values(self) -> int:
        """State of each channel, and the convolution's last inputs."""
        return self.inner * (self.state + self.conv - 1)

    def decode_flops(self, _context: int) -> int:
        """Input into the state and state into the output."""
        return 4 * self.inner * self.state

    def label(self) -> str:
        """The kind alone."""
        return "mamba"


class Mamba2(Part):
    """State space duality (Dao and Gu 2024, arXiv 2405.21060).

    Attributes:
        heads, head_dim: their product is the width inside.
        state, groups: values of each channel; heads of a group share their state inputs.
        conv: kernel of the convolution.
        conv_bias, bias: of the convolution, of the outer projections.
        norm: the output is normed before its projection.
    """

    kind: Literal["mamba2"] = "mamba2"
    heads: Positive
    head_dim: Positive
    state: Positive
    groups: Positive
    conv: Positive
    conv_bias: bool = True
    bias: bool = False
    norm: bool = True

    @property
    def _inner(self) -> int:
        return self.heads * self.head_dim

    @property
    def _channels(self) -> int:
        return self._inner + 2 * self.groups * self.state

    def matrices(self, hidden: int) -> int:
        """In with gate and time steps, convolution, out."""
        inward = hidden * (self._inner + self._channels + self.heads)
        return inward + self._channels * self.conv + self._inner * hidden

    def vectors(self, hidden: int) -> int:
        """Decay, skip and time bias a head, and what the flags add."""
        values = 3 * self.heads + (self._inner if self.norm else 0)
        values += self._channels if self.conv_bias else 0
        return values + (self._inner + self._channels + self.heads + hidden if self.bias else 0)

    def state_values(self) -> int:
        """State of each channel, and the convolution's last inputs."""
        return self._inner * self.state + self._channels * (self.conv - 1)

    def decode_flops(self, _context: int) -> int:
        """Input into the state and state into the output."""
        return 4 * self._inner * self.state

    def label(self) -> str:
        """The kind alone."""
        return "mamba2"


class Rwkv7(Part):
    """Time mixing of RWKV-7 (Peng et al. 2025, arXiv 2503.14456), as FLA's checkpoints have it.

    Attributes:
        heads, head_dim: of receptance and keys; their product is the model's width.
        values: width of all values together.
        decay_rank, rate_rank, gate_rank: of the low-rank products that give decay, learning rate
            and gate.
        value_rank: of the one that mixes in the first layer's values; 0 in that layer itself.
    """

    kind: Literal["rwkv7"] = "rwkv7"
    heads: Positive
    head_dim: Positive
    values: Positive
    decay_rank: Positive
    rate_rank: Positive
    gate_rank: Positive
    value_rank: Natural = 0

    @property
    def _keys(self) -> int:
        return self.heads * self.head_dim

    def matrices(self, hidden: int) -> int:
        """Receptance, keys, values and output; what is of low rank goes in and out."""
        wide = 2 * hidden * (self._keys + self.values)
        of_keys = (hidden + self._keys) * (self.decay_rank + self.rate_rank)
        return wide + of_keys + (hidden + self.values) * (self.gate_rank + self.value_rank)

    def vectors(self, hidden: int) -> int:
        """Seven mixes with the token before, five vectors of keys, a norm with its bias."""
        mixed_in = self.values if self.value_rank else 0
        return 7 * hidden + 5 * self._keys + 2 * self.values + mixed_in

    def state_values(self) -> int:
        """A matrix a head, and the last inputs of this block and of the next."""
        return self.head_dim * self.values + 2 * self._keys

    def decode_flops(self, _context: int) -> int:
        """What the state holds of the key, its removal, the new value, the answer."""
        return 8 * self.head_dim * self.values

    def label(self) -> str:
        """The kind alone."""
        return "rwkv-7"


class ShortConv(Part):
    """Gated short convolution (LFM2).

    Attributes:
        inner: width inside; conv: kernel; bias: of all its projections.
    """

    kind: Literal["short_conv"] = "short_conv"
    inner: Positive
    conv: Positive
    bias: bool = False

    def matrices(self, hidden: int) -> int:
        """In with two gates, convolution, out."""
        return 4 * hidden * self.inner + self.inner * self.conv

    def vectors(self, hidden: int) -> int:
        """Biases."""
        return 4 * self.inner + hidden if self.bias else 0

    def state_values(self) -> int:
        """The convolution's last inputs."""
        return self.inner * (self.conv - 1)

    def label(self) -> str:
        """The kind alone."""
        return "short convolution"
