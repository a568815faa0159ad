"""Fields of a stranger's configuration: typed, bounded, and none that matters left unread."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_LAYERS", "Fields"]

MOST_LAYERS = 512  # the deepest published have some 130
_MOST = 10**9
# Fields that change what a layer holds. Said and not read, they are not approximated: the reader
# stops and names them.
_STRUCTURAL = re.compile(
    r"""
    (altup|laurel|hc|compress|index|linear|mamba|ssm|swa|engram|ngram|nsa|moba|sparse|conv|loop
     |recurrent|lru|rwkv|cross_attention|mtp|mlp_layer|shared_expert|per_layer|multipl)_\w+
    | [okvq]_(lora_rank|groups) | (k|v|qk|attention|global|linear)_?\w*head_dim | head_dim
    | (attn_)?layer_types | layers_block_type | block_configs | hybrid_\w+pattern | layer_group_size
    | (num_|n_|moe_num_)?(routed_|shared_|local_|zero_)?experts | zero_expert_num
    | \w*intermediate_size\w* | ffn_hidden_size | expert_ffn_hidden_size
    | hidden_size_per_layer_input | num_kv_shared_layers | num_global_key_value_heads
    | use_double_wide_mlp | enable_moe_block | attention_k_eq_v | attention_chunk_size
    | full_attention_interval | (attn|expert)_layer_(period|offset|indices) | attn_type_list
    | sliding_window\w* | first_k_dense_replace | num_dense_layers | decoder_sparse_step
    | interleave_moe_layer_step | moe_layer\w* | num_hash_layers | attn_output_gate
    | linear_attn_config | attention_other_setting | share_q_dim | \w*latent\w*size
    | \w*latent\w* | \w+_hidden_size | \w*attn_res\w* | \w*res_block\w* | \w*full_rank\w* | gating
    | (\w+_)?use_\w*gate\w* | \w*output_gate | \w*_gate_(rank|dim)
    | num_nextn_predict_layers | num_memory\w* | num_mem_blocks | adapter_rank
    """,
    re.VERBOSE,
)
# These match and change no count.
_HARMLESS = re.compile(
    r"""
    mamba_(ssm_dtype|hidden_act|chunk_size|ssm_cache_dtype|use_mlp|norm_before_gate|dt_\w+)
    | index\w*(rope|nope|scale|norm|topk_freq|skip_topk_offset|share_for_mtp)\w* | (q|k|qk)_head_dim
    | swa_(rope|attention_sink)\w* | linear_(attention_)?(act|rope)\w* | moe_layers?_(name|norm)\w*
    | mtp_(use|loss)\w* | sliding_window_pattern | conv_(init|use)\w* | compress_rope\w*
    | altup_(coef|correct|active|lr)\w* | linear_attn_\w+factor | recurrent_\w+scale | multiple_of
    | \w*_multiplier\w* | intermediate_size_mlp | hc_(eps|sinkhorn_\w+)
    | cross_attention_hidden_size
    | linear_scaling\w* | sparse_mode | mlp_layer_norm\w*
    """,
    re.VERBOSE,
)
_MISSING = object()


class Fields:
    """A table of a configuration, read field by field; remembers which were.

    Attributes:
        where: the file, for messages.
    """

    def __init__(
        self, table: Mapping[str, Any], where: str, defaults: Mapping[str, Any] | None = None
    ) -> None:
        """Take a table; what it leaves out or says null to is as `defaults` says."""
        self._table, self.where, self._defaults = table, where, defaults or {}
        self._read: set[str] = set()
        self._inner: dict[str, Fields] = {}

    def raw(self, *names: str) -> Any:
        """The first of these fields that says something, None where none does."""
        self._read.update(names)
        for table in (self._table, self._defaults):
            for name in names:
                if table.get(name) is not None:
                    return table[name]
        return None

    def whole(self, *names: str, default: int | None = None, most: int = _MOST) -> int:
        """A number above 0.

        Raises:
            UserError: it is none, or it is left out and has no default.
        """
        value = self.natural(*names, default=default, most=most)
        if value < 1:
            raise self.wrong(names[0], value, f"a whole number from 1 to {most:,}")
        return value

    def natural(self, *names: str, default: int | None = 0, most: int = _MOST) -> int:
        """A number of 0 or above.

        Raises:
            UserError: as `whole`.
        """
        value = self.raw(*names)
        if value is None:
            if default is None:
                raise UserError("is missing", where=f"{self.where}:{names[0]}", expected="a number")
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise self.wrong(names[0], value, f"a whole number from 0 to {most:,}")
        return value

    def number(self, *names: str, default: float) -> float:
        """A finite number above 0.

        Raises:
            UserError: it is none.
        """
        value = self.raw(*names)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e30:
            raise self.wrong(names[0], value, "a number above 0")
        return float(value)

    def flag(self, *names: str, default: bool = False) -> bool:
        """A yes or no.

        Raises:
            UserError: it is neither.
        """
        value = self.raw(*names)
        if value is None:
            return default
        if not isinstance(value, bool | int) or value not in {0, 1}:
            raise self.wrong(names[0], value, "true or false")
        return bool(value)

    def text(self, *names: str) -> str:
        """A text, empty where nothing is said.

        Raises:
            UserError: it is none.
        """
        value = self.raw(*names)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong(names[0], value, "a text")
        return value

    def items(self, *names: str, least: int = 0) -> list[Any] | None:
        """A list of plain values, None where nothing is said.

        Raises:
            UserError: it is not a list, is longer than any model is deep, or shorter than `least`.
        """
        value = self.raw(*names)
        if value is None:
            return None
        if not isinstance(value, list) or not least <= len(value) <= MOST_LAYERS:
            raise self.wrong(names[0], value, f"a list of {least or 'some'} items")
        return value

    def inner(self, *names: str) -> Fields | None:
        """A table inside this one, None where nothing is said.

        Raises:
            UserError: it is not a table.
        """
        value = self.raw(*names)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(names[0], value, "a table")
        return self._inner.setdefault(names[0], Fields(value, f"{self.where}:{names[0]}"))

    def overlaid(self, table: Mapping[str, Any]) -> Fields:
        """These fields with some that say otherwise; what is read of them counts here too."""
        other = Fields({**self._table, **table}, self.where, self._defaults)
        other._read, other._inner = self._read, self._inner
        return other

    def ignore(self, *names: str) -> None:
        """Say that these were understood and change nothing."""
        self._read.update(names)

    def ignore_beginning(self, *beginnings: str) -> None:
        """Say so of all fields that begin like this: of a kind of layer that does not occur."""
        self._read.update(name for name in self._table if name.startswith(beginnings))

    def check_all_understood(self) -> None:
        """Stop at a field that changes what layers hold and was not read.

        Raises:
            UserError: there is one; names it.
        """
        for inner in self._inner.values():
            inner.check_all_understood()
        for name, value in self._table.items():
            if name in self._read or not value or not _STRUCTURAL.fullmatch(name):
                continue
            if not _HARMLESS.fullmatch(name):
                raise UserError(
                    f"says {name}, which this architecture's reader does not express",
                    where=f"{self.where}:{name}",
                    expected="only what is counted exactly",
                )

    def wrong(self, name: str, value: Any, expected: str) -> UserError:
        """An error about a value, which is shown short."""
        shown = (
            repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a huge number"
        )
        return UserError(f"is {shown[:60]}", where=f"{self.where}:{name}", expected=expected)
