"""Greedy decoding of several requests at once, each in a row of a static key-value cache."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Decoder", "refusal"]

# Keys are read up to the longest row, rounded up to this many tokens: few shapes to compile for,
# little read in vain.
_WIDTH_STEP = 64


class _Rows(DynamicLayer):  # type: ignore[misc] # transformers has no types here
    """One layer's keys and values, by row: (slots, heads, context, head size)."""

    def __init__(self, at: _Step) -> None:
        super().__init__()
        self._at = at

    def fill(self, row: int, slots: int, context: int, prompt: DynamicLayer) -> None:
        """Take a prompt's keys and values into a row."""
        if not self.is_initialized:
            self.lazy_initialization(prompt.keys, prompt.values)
            # As wide as the layer's own: keys and values of latent attention differ.
            self.keys, self.values = (
                torch.zeros((slots, of.shape[1], context, of.shape[3]), dtype=of.dtype).to(
                    of.device
                )
                for of in (prompt.keys, prompt.values)
            )
        length = prompt.keys.shape[2]
        self.keys[row, :, :length] = prompt.keys[0]
        self.values[row, :, :length] = prompt.values[0]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row over another."""
        self.keys[target, :, :length] = self.keys[source, :, :length]
        self.values[target, :, :length] = self.values[source, :, :length]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one token's keys and values to each row; give all that are there."""
        at = self._at
        self.keys[at.rows, :, at.places] = key_states[:, :, 0]
        self.values[at.rows, :, at.places] = value_states[:, :, 0]
        count = len(at.rows)
        return self.keys[:count, :, : at.width], self.values[:count, :, : at.width]


class _Step:
    """Where the next token of each row goes.

    Attributes:
        rows, places: (rows,) row number, and tokens the row holds already.
        width: tokens of the cache that are read.
    """

    rows: torch.Tensor
    places: torch.Tensor
    width: int


class Decoder:
    """Rows of requests: `start` one, `step` them all, `drop` one.

    Rows in use are always the first ones: where one is dropped, the last takes its place.
    """

    def __init__(
        self, model: Any, *, slots: int, context: int, compiled: Callable[[Any], Any] | None = None
    ) -> None:
        """Prepare for so many requests of at most so many tokens.

        Args:
            compiled: makes the step's function faster, such as `torch.compile`.
        """
        self._model, self._slots, self._context = model, slots, context
        self._forward = compiled(model) if compiled else model
        # transformers 5.24 renames the argument.
        known = inspect.signature(model.forward).parameters
        self._cache_argument = "cache" if "cache" in known else "past_key_values"
        self._at = _Step()
        layers = model.config.get_text_config().num_hidden_layers
        self._cache = Cache(layers=[_Rows(self._at) for _ in range(layers)])
        self._lengths: list[int] = []
        self._last: list[int] = []

    def __len__(self) -> int:
        """Rows in use."""
        return len(self._lengths)

    @torch.inference_mode()
    def start(self, tokens: Sequence[int]) -> int:
        """Read a prompt into the next row; its answer's first token.

        Raises:
            IndexError: all rows are in use.
            ValueError: the prompt is empty or does not fit.
        """
        if len(self) == self._slots:
            raise IndexError("no row is free")
        if not 0 < len(tokens) < self._context:
            raise ValueError(f"{len(tokens)} prompt tokens, of 1 to {self._context - 1}")
        prompt = DynamicCache()
        logits = self._model(
            input_ids=self._tensor([list(tokens)]),
            use_cache=True,
            logits_to_keep=1,
            **{self._cache_argument: prompt},
        ).logits
        for layer, read in zip(self._cache.layers, prompt.layers, strict=True):
            layer.fill(len(self), self._slots, self._context, read)
        self._lengths.append(len(tokens))
        self._last.append(int(logits[0, -1].argmax()))
        return self._last[-1]

    @torch.inference_mode()
    def step(self) -> list[int]:
        """Decode one more token of every row, in the order of rows."""
        places = self._tensor(self._lengths)
        width = -(-(max(self._lengths) + 1) // _WIDTH_STEP) * _WIDTH_STEP
        self._at.rows = self._tensor(range(len(self)))
        self._at.places, self._at.width = places, min(width, self._context)
        seen = self._tensor(range(self._at.width)) <= places[:, None]
        logits = self._forward(
            input_ids=self._tensor(self._last)[:, None],
            attention_mask=seen[:, None, None, :],
            position_ids=places[:, None],
            use_cache=True,
            **{self._cache_argument: self._cache},
        ).logits
        self._last = logits[:, -1].argmax(-1).tolist()
        self._lengths = [length + 1 for length in self._lengths]
        return list(self._last)

    @torch.inference_mode()
    def drop(self, row: int) -> None:
        """Free a row; the last row becomes this one."""
        last, length = len(self) - 1, self._lengths[-1]
        if row != last:
            for layer in self._cache.layers:
                layer.move(last, row, length)
        for rows in (self._lengths, self._last):
            rows[row] = rows[-1]
            rows.pop()

    def full(self, row: int) -> bool:
        """Whether a row has no place for another token."""
        return self._lengths[row] >= self._context

    def _tensor(self, numbers: Any) -> torch.Tensor:
        return torch.tensor(
            list(numbers) if isinstance(numbers, range) else numbers, device=self._model.device
        )


def refusal(config: Any) -> str:
    """Why a model cannot be decoded here, empty where it can.

    A row's keys are all kept and all seen: layers that forget, or that hold a state in place of
    keys, would compute something else.
    """
    config = config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds - {"full_attention"}:
        return f"layers of {', '.join(sorted(kinds - {'full_attention'}))}"
    if getattr(config, "use_sliding_window", getattr(config, "sliding_window", None)):
        return "sliding-window attention"
    return ""
