"""Was it measured anew, for this log: its challenge, its outputs, its samples?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.challenge import seed_of
from suites.errors import UserError
from suites.kernels.spotcheck import recompute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results.checks.finding import Context
    from results.statement import Statement

__all__ = [
    "job_is_the_one_certified",
    "nonce_is_ours",
    "outputs_come_from_the_seed",
    "samples_are_new",
]

# Kernel outputs computed again of one result: each costs the log up to a fifth of a second.
_RECOMPUTED = 3


def nonce_is_ours(statement: Statement, context: Context) -> Iterator[tuple[str, str]]:
    if context.nonce in {"unknown", "used", "expired"}:
        reasons = {
            "unknown": "was not issued by this log with this not_before",
            "used": "was used by another result",
            "expired": "was issued too long ago",
        }
        yield "run.nonce", reasons[context.nonce]
        return
    run = statement.predicate.run
    if run.nonce is not None and run.seed != seed_of(run.nonce):
        yield "run.seed", f"{run.seed} does not come from the challenge: inputs may be older"


def outputs_come_from_the_seed(statement: Statement, context: Context) -> Iterator[tuple[str, str]]:
    """Elements of a few kernel outputs, computed again from the challenge's seed.

    Flags: NumPy's stream of random numbers may change between its versions.
    """
    predicate, run = statement.predicate, statement.predicate.run
    if context.choose is None or run.nonce is None or "kernels" not in run.suites:
        return
    if not predicate.outputs:
        yield "outputs", "kernels ran for a challenge, but no element of an output is given"
    models_of = {item.case: str(item.labels.get("model", "")) for item in predicate.measurements}
    left = _RECOMPUTED
    for output in context.choose.sample(predicate.outputs, len(predicate.outputs)):
        model = models_of.get(output.case)
        if left == 0 or model is None:
            continue
        try:
            found = recompute(
                output.case, model=model, profile_name=run.profile, seed=run.seed, process=0
            )
        except UserError as error:
            yield output.case, f"cannot be computed again: {error}"
            continue
        if found is None:
            continue
        left -= 1
        truth, tolerance = found
        off = [abs(a - b) for a, b in zip(output.elements, truth, strict=False)]
        if len(output.elements) != len(truth) or max(off) > tolerance:
            yield output.case, f"its output is not that of seed {run.seed}: off by {max(off):.2g}"


def job_is_the_one_certified(statement: Statement, context: Context) -> Iterator[tuple[str, str]]:
    """What a statement says of its job is its own word; the certificate has it from GitHub."""
    source = statement.predicate.source
    stated = {"source.commit": ("source_commit", source.commit)}
    if source.ci:
        repository = f"https://github.com/{source.ci.repository}"
        stated |= {
            "source.ci.commit": ("source_commit", source.ci.commit),
            "source.ci.repository": ("source_repository", repository),
            "source.ci.runner_environment": ("runner_environment", source.ci.runner_environment),
        }
    for where, (claim, value) in stated.items():
        certified = context.claims.get(claim)
        if value and certified and value != certified:
            yield where, f"{value} is stated, the certificate of the job says {certified}"


def samples_are_new(statement: Statement, context: Context) -> Iterator[tuple[str, str]]:
    for subject in statement.subject:
        other = context.samples.get(subject.digest.sha256)
        if other:
            yield subject.name, f"raw samples are those of result {other}"
