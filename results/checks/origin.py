"""Was it measured anew, for this log: its challenge, its outputs, its samples?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from results.checks.claim import place_of
from results.checks.finding import CheckedFigure
from results.statement.nonce import seed_of
from results.statement.statement_v2 import ATTESTED
from suites.base.errors import UserError
from suites.quality.summary import QUALITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

    from results.checks.claim import Claim
    from results.checks.finding import Context
    from results.statement.statement import Predicate, Statement

__all__ = [
    "NONCE",
    "challenge_has_one_answer",
    "copies",
    "fingerprints",
    "job_is_the_one_certified",
    "nonce_is_ours",
    "outputs_come_from_the_seed",
    "samples_are_new",
]

# Kernel outputs computed again of one result: each costs the log up to a fifth of a second.
_RECOMPUTED = 3
_TELLING = 8
_DIGITS = 7
NONCE = "run.nonce"  # its name among fingerprints


def nonce_is_ours(claim: Claim, context: Context) -> Iterator[CheckedFigure]:
    if context.nonce in {"unknown", "used", "expired"}:
        reasons = {
            "unknown": "was not issued by this log with this not_before",
            "used": "was used by another result",
            "expired": "was issued too long ago",
        }
        yield CheckedFigure(where="run.nonce", reason=reasons[context.nonce])
        return
    run = claim.predicate.run if claim.predicate else None
    if run and run.nonce is not None and run.seed != seed_of(run.nonce):
        reason = f"{run.seed} does not come from the challenge: inputs may be older"
        yield CheckedFigure(where="run.seed", reason=reason)
    for item in claim.measurements if run else ():
        seed = item.labels.get("question_seed")
        # True is 1 to Python, and nothing of the kind elsewhere.
        if run and item.suite == QUALITY and (type(seed) is not int or seed != run.seed):
            reason = "its questions are not made from the run's seed"
            yield CheckedFigure(where=place_of(item), reason=reason)


def outputs_come_from_the_seed(claim: Claim, context: Context) -> Iterator[CheckedFigure]:
    """Elements of a few kernel outputs, computed again from the challenge's seed.

    Flags: NumPy's stream of random numbers may change between its versions.
    """
    predicate = claim.predicate
    if predicate is None or context.choose is None or predicate.run.nonce is None:
        return
    if "kernels" not in predicate.run.suites:
        return
    if not predicate.outputs:
        reason = "kernels ran for a challenge, but no element of an output is given"
        yield CheckedFigure(where="outputs", reason=reason)
    for case, reason in _recomputed(predicate, context.choose):
        yield CheckedFigure(where=case, reason=reason)


def _recomputed(predicate: Predicate, choose: Random) -> Iterator[tuple[str, str]]:
    from suites.kernels.spotcheck import recompute  # whole suites; a reader computes nothing again

    run = predicate.run
    models_of = {item.case: str(item.labels.get("model", "")) for item in predicate.measurements}
    left = _RECOMPUTED
    for output in choose.sample(predicate.outputs, len(predicate.outputs)):
        model = models_of.get(output.case)
        if left == 0 or model is None:
            continue
        try:
            known = recompute(
                output.case, model=model, profile_name=run.profile, seed=run.seed, process=0
            )
        except UserError as error:
            yield output.case, f"cannot be computed again: {error}"
            continue
        if known is None:
            continue
        left -= 1
        truth, tolerance = known
        off = [abs(a - b) for a, b in zip(output.elements, truth, strict=False)]
        if len(output.elements) != len(truth) or max(off) > tolerance:
            yield output.case, f"its output is not that of seed {run.seed}: off by {max(off):.2g}"


def job_is_the_one_certified(claim: Claim, context: Context) -> Iterator[CheckedFigure]:
    """What a statement says of its job is its own word; the certificate has it from GitHub."""
    if claim.predicate is None:
        return
    source = claim.predicate.source
    stated = {"source.commit": ("source_commit", source.commit)}
    if source.ci:
        repository = f"https://github.com/{source.ci.repository}"
        stated |= {
            "source.ci.commit": ("source_commit", source.ci.commit),
            "source.ci.repository": ("source_repository", repository),
            "source.ci.runner_environment": ("runner_environment", source.ci.runner_environment),
        }
    for where, (name, value) in stated.items():
        certified = context.claims.get(name)
        if value and certified and value != certified:
            reason = f"{value} is stated, the certificate of the job says {certified}"
            yield CheckedFigure(where=where, reason=reason)


def samples_are_new(claim: Claim, context: Context) -> Iterator[CheckedFigure]:
    yield from (copy for copy in _copies(claim, context) if copy.where != NONCE)


def challenge_has_one_answer(claim: Claim, context: Context) -> Iterator[CheckedFigure]:
    yield from (copy for copy in _copies(claim, context) if copy.where == NONCE)


def _copies(claim: Claim, context: Context) -> Iterator[CheckedFigure]:
    if claim.statement is not None and context.samples:
        yield from copies(fingerprints(claim.statement), context.samples)


def copies(prints: Mapping[str, str], known: Mapping[str, str]) -> Iterator[CheckedFigure]:
    """Hold what no two runs share against what is known already.

    Args:
        prints: of a result, as `fingerprints` gives them.
        known: digests, and the result that brought them.
    """
    for name, digest in prints.items():
        if other := known.get(digest):
            verb = "is that" if name == NONCE else "are those"
            yield CheckedFigure(where=name, reason=f"{verb} of result {other}")


def fingerprints(statement: Statement) -> dict[str, str]:
    """SHA-256 of what no two runs share, by name: raw samples, figures, shapes, the challenge.

    A few figures may agree by chance; from `_TELLING` of them on they are a fingerprint, and so are
    the ratios of their intervals' ends to them, which are the same when all is made faster.
    One file of a harness may be behind several results, each of rows of its own.
    """
    measurements = statement.predicate.measurements
    known = {f"raw samples {file.name}": file.digest.sha256 for file in statement.subject}
    if attested := statement.predicate.run.suites == [ATTESTED]:
        cases = repr(sorted({item.case for item in measurements}))
        known = {
            name: hashlib.sha256(f"{digest} {cases}".encode()).hexdigest()
            for name, digest in known.items()
        }
    figures = sorted(
        repr((item.metric, item.value))
        for item in measurements
        if attested or (item.method == "measured" and item.low is not None)
    )
    if len(figures) >= _TELLING:
        known["figures"] = hashlib.sha256("\n".join(figures).encode()).hexdigest()
    shapes = sorted(
        {
            repr(
                (item.metric, *(round(end / item.value, _DIGITS) for end in (item.low, item.high)))
            )
            for item in measurements
            if item.method == "measured" and item.value > 0
            if item.low is not None and item.high is not None
        }
    )
    # Of one factor each, intervals were not measured, and tell nothing apart.
    if len({shape.partition(",")[2] for shape in shapes}) >= _TELLING:
        known["shapes"] = hashlib.sha256("\n".join(shapes).encode()).hexdigest()
    if nonce := statement.predicate.run.nonce:
        known[NONCE] = hashlib.sha256(nonce.encode()).hexdigest()
    return known
