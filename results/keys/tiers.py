"""How far a result can be traced beyond its signature: its tier, and why no further. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from results.catalog.commits_data import admitted_commits
from results.keys.keyless import KeylessKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from results.keys.identity import Runner
    from results.statement.statement import Source

__all__ = ["Standing", "Tier", "standing"]

Tier = Literal["self-signed", "registered", "CI-attested"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of who signed.

    Attributes:
        tier: "CI-attested": a registered workflow signed, at a commit that a maintainer has read;
            "registered": a registered key signed; "self-signed": nothing more is known.
        reason: why it is no higher, where its key might have given more; else empty.
    """

    tier: Tier
    reason: str = ""


def standing(runner: Runner, source: Source, claims: Mapping[str, str]) -> Standing:
    """Tell the tier of a result whose signature holds.

    Args:
        source: the code that measured, as stated.
        claims: what a keyless signature's certificate says of the job that signed.
    """
    if not runner.registered:
        return Standing(tier="self-signed", reason=runner.doubt)
    if not isinstance(runner.key, KeylessKey):
        return Standing(tier="registered")
    if runner.key.caller is None:
        return Standing(
            tier="self-signed",
            reason="its key file names no source repository: a job of any repository that calls "
            "the workflow signs as it",
        )
    unread = _unread(source, claims.get("source_commit"))
    return Standing(tier="registered", reason=unread) if unread else Standing(tier="CI-attested")


def _unread(source: Source, certified: str | None) -> str:
    """Say why nobody can tell that the code which measured is code a maintainer has read."""
    if not certified:
        return "the certificate of its job names no commit"
    if source.commit != certified:
        stated = source.commit or "no commit"
        return f"{stated} is stated, the certificate of its job says {certified}"
    if source.modified:
        return f"the code was not that of its commit {certified}"
    if certified not in admitted_commits():
        return f"commit {certified} is not among those maintainers have read"
    return ""
