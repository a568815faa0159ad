"""One run from options to a logged result: measure, sum up, sign, log, and leave a summary."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from results.archive import archive
from results.archive.beside import keep
from results.archive.timeline_svg import pictures
from results.checks import evidence
from results.proof import envelope
from results.statement.nonce import seed_of
from runners.ci import actions
from runners.machine import keys, machine, power_cap
from runners.measure import assemble, execute, job_summary, provenance
from runners.measure.display import RunDisplay
from runners.measure.outcome import FinishedRun
from runners.measure.run_meters import gauge_for
from runners.measure.subject import chip_under_test, with_subject
from runners.measure.workspace import Workspace
from runners.options.options import expand
from suites.base.errors import UserError
from suites.base.files import write_atomically
from suites.evidence import raw_samples, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from results.service.challenge import Challenge
    from results.statement.statement import PlanCell
    from runners.measure.workspace import Started
    from runners.options.options import RunOptions
    from suites.base.terminal import Terminal

__all__ = ["measure"]


def measure(
    options: RunOptions,
    out: Path,
    *,
    resume: bool,
    terminal: Terminal,
    challenge: Challenge | None = None,
    reproduces: str | None = None,
    plan: PlanCell | None = None,
) -> FinishedRun:
    """Run what the options ask for and add the signed result to the archive `out`.

    Everything measured is kept as it comes; a run that is interrupted goes on with `resume`.

    Args:
        challenge: of the log the result is meant for; it seeds the inputs. An interrupted run
            goes on with the one it began with.
        reproduces: digest of the result that the options repeat.
        plan: the plan this run is a cell of.

    Raises:
        UserError: an option is bad or `out` cannot be written.
        CheckError: a cell failed, or another run writes to `out`.
    """
    workspace = Workspace(out)
    with workspace.locked():
        earlier = workspace.unfinished()
        resumed = _same_run(earlier, workspace, reproduces) if earlier and resume else None
        chosen = resumed.options if resumed else with_subject(_seeded(options, challenge))
        # Before an interrupted run is discarded: a mistyped option must not cost it.
        cells = expand(chosen)
        if resumed is None:
            _say_what_is_lost(earlier, resume=resume, terminal=terminal)
        started = resumed or workspace.begin(
            chosen,
            provenance.suite_version(),
            challenge=challenge,
            reproduces=reproduces,
            plan=plan,
        )
        minutes = sum(cell.estimated_s for cell in cells) / 60
        terminal.say(f"  {len(cells)} cells, about {minutes:.0f} minutes")
        chip = chip_under_test(started.options)
        described = machine.describe(chip)
        watched = gauge_for(chip, started.options.suite_options)
        cap_w = started.options.suite_options.get("power_cap_w")
        with (
            power_cap.held(cap_w, chip.kind),
            actions.group("measuring"),
            RunDisplay(cells, terminal) as display,
        ):
            finished = execute.run_cells(cells, workspace, watched, display.on_event)
        rows, samples = rows_of(finished), raw_samples(finished)
        key = keys.load_or_create()
        stated = assemble.statement_of(
            started=started,
            runner=key.runner,
            machine=machine.after(described),
            cells=finished,
            rows=rows,
            samples=samples,
        )
        payload = workspace.keep_statement(envelope.encode(stated))
        keep(out, samples)
        receipt = archive.accept(out, payload, key.signer, key.log_signer)
        _draw_timelines(out, receipt.digest, samples)
        summary = json.dumps([row.to_json() for row in rows], allow_nan=False, indent=1)
        write_atomically(out / "summary.json", summary.encode())
        workspace.clear()
    stage_s: dict[str, float] = {}
    for cell in finished:
        stage_s[cell.suite] = stage_s.get(cell.suite, 0.0) + cell.wall_s
    outcome = FinishedRun(
        digest=receipt.digest,
        statement=envelope.parse(payload, "statement"),
        rows=rows,
        key_path=key.path,
        key_created=key.created,
        evidence=evidence(samples, "raw samples"),
        stage_s=stage_s,
    )
    job_summary.tell(outcome.statement.predicate, outcome.digest)
    return outcome


def _seeded(options: RunOptions, challenge: Challenge | None) -> RunOptions:
    """Draw the inputs from the challenge, else as asked, else from a seed nobody has used."""
    if challenge:
        return replace(options, seed=seed_of(challenge.nonce))
    return options if options.seed is not None else replace(options, seed=secrets.randbits(48))


def _same_run(earlier: Started, workspace: Workspace, reproduces: str | None) -> Started:
    if reproduces not in {None, earlier.reproduces}:
        raise UserError(
            "the interrupted run repeats another result or none",
            where=str(workspace.home),
            expected=reproduces,
            remedy="run without --resume to begin anew",
        )
    version = provenance.suite_version()
    if earlier.suite_version != version:
        raise UserError(
            f"the interrupted run was measured by version {earlier.suite_version}",
            where=str(workspace.home),
            expected=f"version {version}, so that one result has one version",
            remedy="run without --resume to begin anew",
        )
    return earlier


def _say_what_is_lost(earlier: Started | None, *, resume: bool, terminal: Terminal) -> None:
    if earlier:
        at = earlier.started_at
        terminal.say(f"  discarding the run interrupted on {at} (--resume keeps it)")
    elif resume:
        terminal.say("  no interrupted run lies here: beginning a new one")


def _draw_timelines(out: Path, digest: str, samples: bytes) -> None:
    """Write a picture of every serving point into `timelines/DIGEST`."""
    drawn = list(pictures(json.loads(samples)))
    if not drawn:
        return
    folder = out / "timelines" / digest
    folder.mkdir(parents=True, exist_ok=True)
    for place, picture in enumerate(drawn):
        name = re.sub(r"[^A-Za-z0-9.+-]", "_", f"{place:03}-{picture.cell}-{picture.case}")
        write_atomically(folder / f"{name[:200]}.svg", picture.svg.encode())
