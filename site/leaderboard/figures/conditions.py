"""What made the tokens of a row other work than its lengths say: rows compare only alike in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaderboard.base.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from leaderboard.words import Words
    from suites.base.records import Label

__all__ = ["conditions", "drafting", "in_words"]

# Label -> how a page says it; a share is said in percent.
_SHARES = {
    "shared_prefix": "{n} of each prompt shared",
    "known_share": "{n} of the input sent before",
    "cache_target": "{n} of the input to be cached",
}
_COUNTS = {
    "turns": "{n} turns",
    "sub_agents": "{n} sub-agents",
    "images": "{n} images in each prompt",
    "audio_s": "{n} s of sound in each prompt",
    "adapters": "{n} adapters",
}
_TEXTS = {
    "think_time": "think time {n}",
    "acceptance_rates": "accepted by place {n}",
    "kv_cache": "cache kept as {n}",
}
_PHRASES = (*_SHARES.values(), *_COUNTS.values(), *_TEXTS.values(), "drafts by {n}")
_ALONE = ("answers end as the model ends them", "lengths differ")


def conditions(words: Words, labels: Mapping[str, Label]) -> str:
    """Say them in a few words with commas between; empty where there are none.

    Args:
        labels: of a point; a stranger's, so one of another type than its name's says nothing.
    """
    return ", ".join(_each(words, labels))


def in_words(words: Words, phrases: str) -> str:
    """Say in another language what `conditions` said in English; what is not known stays."""
    return words.listed(", ").join(_in_words(words, phrase) for phrase in phrases.split(", "))


def _in_words(words: Words, phrase: str) -> str:
    if phrase in _ALONE:
        return words(phrase)
    for known in _PHRASES:
        before, after = known.split("{n}")
        if phrase.startswith(before) and phrase.endswith(after):
            return words(known, n=phrase.removeprefix(before).removesuffix(after))
    return phrase


def _each(words: Words, labels: Mapping[str, Label]) -> Iterator[str]:
    if labels.get("length") == "natural":
        yield words("answers end as the model ends them")
    if _spread(labels):
        yield words("lengths differ")
    for name, phrase in _SHARES.items():
        if share := _number(labels.get(name)):
            yield words(phrase, n=f"{share:.0%}")
    for name, phrase in _COUNTS.items():
        if count := _number(labels.get(name)):
            yield words(phrase, n=f"{count:g}")
    yield from _drafting(words, labels)
    for name, phrase in _TEXTS.items():
        if text := labels.get(name):
            yield words(phrase, n=text)


def drafting(labels: Mapping[str, Label]) -> str:
    """Name what made drafts, and of how many tokens; empty where nothing did."""
    method = labels.get("speculation")
    if not method or method == "none":
        return ""
    return clean(f"{method} {labels.get('draft_tokens', '')}")


def _drafting(words: Words, labels: Mapping[str, Label]) -> Iterator[str]:
    method = drafting(labels)
    if not method:
        return
    yield words("drafts by {n}", n=method)
    if length := _number(labels.get("acceptance_length")):
        how = str(labels.get("acceptance", ""))
        told = words("{n} tokens a step", n=f"{length:.2f}")
        yield f"{told} ({words(how)})" if how in {"pinned", "stated", "measured"} else told


def _spread(labels: Mapping[str, Label]) -> bool:
    named = (labels.get(name) for name in ("isl_spread", "osl_spread", "lengths_sha256"))
    return any(named) or "trace_sha256" in labels


def _number(value: Label | None) -> float:
    """Return a label's number; 0 for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
