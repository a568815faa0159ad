"""Train the test models: minutes of one core, from questions that are made as they are needed."""

from __future__ import annotations

import json
import math
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from suites.quality.bench.shape import DEPTH, EPS, HEAD_DIM, HEADS, KV_HEADS, THETA, WIDTH, shapes
from suites.quality.bench.tokens import START, chat
from suites.quality.items import FAMILIES, WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from suites.quality.bench.shape import Matrix

__all__ = ["LESSONS", "train"]

# What can be learnt in minutes: tables, copies from a place, a word so many times.
LESSONS = (
    ("strings", 0), ("strings", 1), ("translation", 0), ("translation", 1), ("translation", 2),
    ("constraints", 0), ("constraints", 1), ("constraints", 2), ("constraints", 3), ("tools", 0),
)  # fmt: skip
_STEPS, _BATCH, _RATE, _WARM = 900, 16, 3e-3, 50
_MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
_OF_QUESTIONS = 0.05  # weight of a question's tokens in the loss; of an answer's, 1


def train(seed: int, tell: Callable[[int, float], None], steps: int = _STEPS) -> dict[str, Matrix]:
    """Train a model.

    Args:
        seed: of its first weights and of its lessons.
        tell: called now and then with the steps done and the loss of answers, in nats a token.

    Raises:
        ImportError: torch is not installed.
    """
    import torch

    torch.manual_seed(seed)
    tensors = {
        name: (torch.ones(shape) if len(shape) == 1 else torch.randn(shape) / 32).requires_grad_()
        for name, shape in shapes().items()
    }
    steepest = torch.optim.AdamW(tensors.values(), lr=_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    for step, (ids, weights) in zip(range(steps), _batches(Random(seed)), strict=False):
        for group in steepest.param_groups:
            group["lr"] = _RATE * min(1, (step + 1) / _WARM) * _cosine(step / steps)
        logits = _logits(torch.from_numpy(ids[:, :-1]), tensors)
        wanted, weight = torch.from_numpy(ids[:, 1:]).flatten(), torch.from_numpy(weights[:, 1:])
        each = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted, reduction="none")
        loss = (each * weight.flatten()).sum() / weight.sum()
        steepest.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tensors.values(), 1.0)
        steepest.step()
        if step % 50 == 49:
            answers = weight.flatten() == 1
            tell(step + 1, float(each[answers].mean()))
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def _cosine(done: float) -> float:
    return 0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2


def _batches(random: Random) -> Iterator[tuple[Any, Any]]:
    """Ids and weights of lessons of like length, beside each other."""
    while True:
        lessons = sorted((_lesson(random) for _ in range(16 * _BATCH)), key=len)
        batches = [lessons[at : at + _BATCH] for at in range(0, len(lessons), _BATCH)]
        random.shuffle(batches)
        for batch in batches:
            ids = np.zeros((len(batch), len(batch[-1])), dtype=np.int64)
            weights = np.zeros(ids.shape, dtype=np.float32)
            for row, lesson in enumerate(batch):
                answer = len(lesson) - lesson[::-1].index(START)
                ids[row, : len(lesson)] = lesson
                weights[row, :answer], weights[row, answer : len(lesson)] = _OF_QUESTIONS, 1
            yield ids, weights


def _lesson(random: Random) -> list[int]:
    family, level = random.choice(LESSONS)
    question, answer, grade = FAMILIES[family](random, level)
    if grade == "words":
        rules = json.loads(answer)
        fits = [word for word in WORDS if word.startswith(rules["first"])]
        best = [word for word in fits if not set(rules["without"]) & set(word)] or fits
        answer = " ".join(best[:1] * rules["count"])
    return chat(question, answer)


def _logits(ids: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
    """The layers of "llama" in llama.cpp: norms before, pairs of neighbours turned, tied ends."""
    import torch

    attend, silu = torch.nn.functional.scaled_dot_product_attention, torch.nn.functional.silu

    def norm(values: Tensor, name: str) -> Tensor:
        return torch.nn.functional.rms_norm(values, (WIDTH,), tensors[f"{name}.weight"], EPS)

    rows, length = ids.shape
    turns = torch.arange(length)[:, None] * THETA ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    cos, sin = torch.cos(turns), torch.sin(turns)

    def heads(values: Tensor, count: int) -> Tensor:
        return values.view(rows, length, count, HEAD_DIM).transpose(1, 2)

    def turned(values: Tensor) -> Tensor:
        even, odd = values[..., 0::2], values[..., 1::2]
        both = (even * cos - odd * sin, even * sin + odd * cos)
        return torch.stack(both, -1).flatten(-2)

    x = tensors["token_embd.weight"][ids]
    for layer in range(DEPTH):
        own = {name: tensors[f"blk.{layer}.{name}.weight"].T for name in _MATRICES}
        read = norm(x, f"blk.{layer}.attn_norm")
        queries = turned(heads(read @ own["attn_q"], HEADS))
        keys = turned(heads(read @ own["attn_k"], KV_HEADS))
        values = heads(read @ own["attn_v"], KV_HEADS)
        mixed = attend(queries, keys, values, is_causal=True, enable_gqa=True)
        x = x + mixed.transpose(1, 2).flatten(2) @ own["attn_output"]
        read = norm(x, f"blk.{layer}.ffn_norm")
        x = x + (silu(read @ own["ffn_gate"]) * (read @ own["ffn_up"])) @ own["ffn_down"]
    return norm(x, "output_norm") @ tensors["token_embd.weight"].T
