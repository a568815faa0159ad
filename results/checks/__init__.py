"""Is a result consistent with itself, with physics and with what came before it? Pure.

A document that contradicts itself is refused; a figure that physics or a datasheet speaks
against is flagged: shown with the flag, never deleted, because datasheets err too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.checks import consistency, labels, origin, physics
from results.checks.finding import Context, Finding, Nonce, Outcome, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from results.statement import Statement

__all__ = ["RULES", "Context", "Finding", "Nonce", "Outcome", "Rule", "check", "copied", "outcome"]


def check(statement: Statement, context: Context | None = None) -> list[Finding]:
    """Apply every rule to a statement whose signature holds."""
    held_against = context or Context()
    return [finding for rule in RULES for finding in _apply(rule, statement, held_against)]


def copied(statement: Statement, known: Mapping[str, str]) -> list[Finding]:
    """Apply the one rule whose answer depends on what was stored a moment ago.

    Args:
        known: digests of raw samples, and the result that brought them.
    """
    return list(_apply(_SAMPLES, statement, Context(samples=known)))


def outcome(findings: Sequence[Finding]) -> Outcome:
    """Return the worst outcome."""
    found = {finding.outcome for finding in findings}
    return "refused" if "refused" in found else "flagged" if found else "accepted"


def _apply(rule: Rule, statement: Statement, context: Context) -> Iterator[Finding]:
    for where, reason in rule.find(statement, context):
        yield Finding(rule=rule.name, outcome=rule.outcome, where=where, reason=reason)


_SAMPLES = Rule(
    name="samples",
    outcome="flagged",
    source="two runs never give the same samples",
    find=origin.samples_are_new,
)

RULES = (
    Rule(
        name="labels",
        outcome="refused",
        source="suites.labels: one name, one type",
        find=labels.labels_are_typed,
    ),
    Rule(
        name="interval",
        outcome="refused",
        source="an interval of a value holds the value",
        find=consistency.intervals_hold_their_value,
    ),
    Rule(
        name="percentiles",
        outcome="refused",
        source="quantiles are monotone",
        find=consistency.percentiles_are_ordered,
    ),
    Rule(
        name="metrics",
        outcome="refused",
        source="suites.metrics: one name, one unit",
        find=consistency.metrics_are_known,
    ),
    Rule(
        name="times",
        outcome="refused",
        source="a run ends after it begins, and before it is submitted",
        find=consistency.times_are_sane,
    ),
    Rule(
        name="nonce",
        outcome="refused",
        source="a challenge is used once, and seeds the inputs of the run it was issued for",
        find=origin.nonce_is_ours,
    ),
    Rule(
        name="job",
        outcome="flagged",
        source="the certificate of a keyless signature, which GitHub and Sigstore vouch for",
        find=origin.job_is_the_one_certified,
    ),
    Rule(
        name="outputs",
        outcome="flagged",
        source="what a kernel gives for the challenge's inputs was not known before it",
        find=origin.outputs_come_from_the_seed,
    ),
    _SAMPLES,
    Rule(
        name="suite",
        outcome="flagged",
        source="results/catalog/versions.toml: the released versions of Fenmark",
        find=consistency.suite_is_known,
    ),
    Rule(
        name="roofline",
        outcome="flagged",
        source="datasheet peak and memory bandwidth × chips, 10% tolerance",
        find=physics.kernels_stay_below_the_roofline,
    ),
    Rule(
        name="decode",
        outcome="flagged",
        source="a step reads the weights once; datasheet bandwidth × chips, 10% tolerance",
        find=physics.decode_reads_its_weights,
    ),
    Rule(
        name="prefill",
        outcome="flagged",
        source="two FLOPs a weight and token; highest datasheet peak × chips, 10% tolerance",
        find=physics.prefill_computes_its_tokens,
    ),
    Rule(
        name="tokens",
        outcome="flagged",
        source="rate = tokens ÷ latency, within 25%",
        find=consistency.tokens_add_up,
    ),
    Rule(
        name="power",
        outcome="flagged",
        source="idle power ≤ power ≤ nameplate × chips, 10% tolerance",
        find=physics.power_is_possible,
    ),
    Rule(
        name="software",
        outcome="flagged",
        source="a figure without its engine, meter or code cannot be repeated",
        find=consistency.software_is_stated,
    ),
)
