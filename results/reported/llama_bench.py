"""llama-bench: prompt processing and text generation of llama.cpp, as JSON, JSON Lines or CSV."""

from __future__ import annotations

from results import catalog
from results.reported.building import Refused, Row, figure, known, number, positive, text
from results.reported.names import chip
from results.statement.reported import ReportedChip, ReportedResult

__all__ = ["read"]


def read(row: Row) -> ReportedResult:
    """Make a result of a row: avg_ts is tokens per second of the kind the test runs.

    Raises:
        Refused: prompt and generation are mixed in one rate, or there is none.
    """
    prompt, generated = number(row, "n_prompt") or 0, number(row, "n_gen") or 0
    if bool(prompt) == bool(generated):
        raise Refused("prompt and generation are one rate" if prompt else "no tokens")
    metric = "prefill_throughput" if prompt else "decode_throughput"
    phase = f"prefill/isl{prompt:.0f}" if prompt else f"decode/osl{generated:.0f}"
    samples = row.get("samples_ts")
    n = len(samples) if isinstance(samples, list) and samples else 1
    rate = figure("inference", f"llama-bench/{phase}", metric, positive(row, "avg_ts"), n=n)
    return ReportedResult(
        id=f"{text(row, 'model_type') or text(row, 'model_filename')}/{phase}",
        chip=_chip(row),
        model=text(row, "model_type"),
        engine=f"llama.cpp {text(row, 'build_commit') or ''}".strip(),
        date=text(row, "test_time"),
        labels=known(
            row, "n_prompt", "n_gen", "n_depth", "n_batch", "n_threads", "n_gpu_layers", "stddev_ts"
        ),
        measurements=[rate],
    )


def _chip(row: Row) -> ReportedChip:
    """Name what it ran on: each GPU in turn, as its driver does, or the CPU, without its cores."""
    gpus = [name.strip() for name in (text(row, "gpu_info") or "").split(",") if name.strip()]
    if not gpus:
        return chip(text(row, "cpu_info"), None)
    same = len(set(gpus)) == 1
    return ReportedChip(
        name=", ".join(gpus), catalog_id=catalog.match(gpus[0]) if same else None, count=len(gpus)
    )
