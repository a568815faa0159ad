"""Does the engine compute the model? Greedy continuations against a reference, before any timing.

A reference is recorded from an engine run that is trusted, and kept by the digest of the weights.
It holds digests of texts, not texts: enough to tell right from wrong, nothing to redistribute.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from suites.base import json_file, user_folders
from suites.base.errors import CheckError, UserError
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

__all__ = ["PROMPTS", "GateReference", "check", "find", "load_reference", "record", "store"]

# Beginnings with an expected end, so that the best token leads by far: near ties are where two
# correct engines part, by the order of their sums.
PROMPTS = (
    "The capital of France is",
    "1, 2, 3, 4, 5, 6, 7,",
    "Monday, Tuesday, Wednesday,",
    "def add(a, b):\n    return a +",
    "Water freezes at zero degrees and boils at one",
    "The opposite of hot is",
    "To be, or not to be, that is the",
    "A B C D E F G H I",
)
_TOKENS = 8
# Another kernel may part at a near tie now and then; wrong weights or a broken kernel part in
# almost every prompt.
_LEAST_AGREEING = 6
_LIMIT_S = 120.0
_MOST_BYTES = 2**16  # of a reference, which holds eight digests


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReference:
    """What trusted weights answer.

    Attributes:
        weights_sha256: digest of the weights, as results state it.
        engine: name and version of the engine that answered.
        continuations: SHA-256 of the text after each of `PROMPTS`.
    """

    weights_sha256: str
    engine: str
    continuations: tuple[str, ...]


def record(
    url: str, *, model: str, weights_sha256: str, engine: str, key: str | None = None
) -> GateReference:
    """Ask a trusted engine for its continuations.

    Raises:
        CheckError: it does not answer, or one answer is not reproducible.
    """
    first, again = _continuations(url, model, key), _continuations(url, model, key)
    if first != again:
        raise CheckError(
            "the engine answers differently the second time",
            where=engine,
            expected="greedy decoding that can be repeated",
        )
    return GateReference(weights_sha256=weights_sha256, engine=engine, continuations=first)


def check(
    reference: GateReference, url: str, *, model: str, key: str | None = None
) -> dict[str, Any]:
    """Compare an engine with a reference; what it gives back goes into the result.

    Raises:
        CheckError: fewer prompts agree than a correct engine's would.
    """
    given = _continuations(url, model, key)
    agreed = sum(text == other for text, other in zip(given, reference.continuations, strict=True))
    if agreed < _LEAST_AGREEING:
        raise CheckError(
            f"the engine does not compute this model: {agreed} of {len(PROMPTS)} greedy "
            f"continuations are those of {reference.engine}",
            where="correctness gate",
            expected=f"at least {_LEAST_AGREEING}",
            remedy="nothing was timed; check the weights, the precision and the engine's build",
        )
    return {"gate_agreed": agreed, "gate_of": len(PROMPTS), "gate_reference": reference.engine}


def find(weights_sha256: str | None) -> GateReference | None:
    """Reference of these weights, None if they are unknown or nobody recorded one here."""
    path = _path(weights_sha256 or "unknown")
    return load_reference(path) if path.exists() else None


def load_reference(path: Path) -> GateReference:
    """Read a reference file.

    Raises:
        UserError: it cannot be read or is none.
    """
    expected = "a file made by `fenmark reference`"
    data = json_file.read(path, _MOST_BYTES, expected=expected)
    match data:
        case {
            "weights_sha256": str(weights),
            "engine": str(engine),
            "continuations": list(texts),
            **rest,
        } if not rest and all(isinstance(text, str) for text in texts):
            reference = GateReference(
                weights_sha256=weights, engine=engine, continuations=tuple(texts)
            )
        case _:
            raise UserError("no reference", where=str(path), expected=expected)
    if len(reference.continuations) != len(PROMPTS):
        raise UserError(
            "made for other prompts", where=str(path), remedy="record it again: `fenmark reference`"
        )
    return reference


def store(reference: GateReference, path: Path | None = None) -> Path:
    """Keep a reference, by the digest of its weights unless a path is given.

    Raises:
        UserError: the folder cannot be written.
    """
    path = path or _path(reference.weights_sha256)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(asdict(reference), indent=1).encode() + b"\n")
    except OSError as error:
        raise UserError(f"cannot write ({error.strerror})", where=str(path)) from error
    return path


def _path(weights_sha256: str) -> Path:
    return user_folders.home() / "references" / f"{weights_sha256}.json"


def _continuations(url: str, model: str, key: str | None) -> tuple[str, ...]:
    import httpx  # loaded where an engine is asked: it takes a sixth of a second

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    # As the load generator does: a URL may or may not end in the API's own prefix.
    base = url.rstrip("/").removesuffix("/v1")
    with httpx.Client(base_url=base, headers=headers, timeout=_LIMIT_S, trust_env=False) as client:
        return tuple(_digest(_continue(client, model, prompt)) for prompt in PROMPTS)


def _continue(client: httpx.Client, model: str, prompt: str) -> str:
    import httpx

    body = {"model": model, "prompt": prompt, "max_tokens": _TOKENS, "temperature": 0}
    try:
        answer = client.post("/v1/completions", json=body)
        text: str = answer.raise_for_status().json()["choices"][0]["text"]
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise CheckError(
            f"no continuation ({type(error).__name__})", where="correctness gate"
        ) from error
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
