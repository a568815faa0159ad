"""ML.ENERGY Leaderboard: throughput, ITL and GPU energy of served models."""

from __future__ import annotations

from results.reported.building import Row, figure, figures, known, load, positive, text
from results.reported.names import chip
from results.statement.reported import ReportedResult

__all__ = ["read"]

_LATENCIES = {
    f"{statistic}_itl_ms": ("itl", statistic, 1.0) for statistic in ("median", "p90", "p95", "p99")
}
# The benchmark's hosts are HGX boards, so that its bare names mean SXM.
_CHIPS = {"H100": "h100-sxm", "B200": "b200-sxm"}
_SCOPE = {"meter": "NVML counter", "scope": "chip", "tokens": "all energy, output tokens"}


def read(row: Row) -> ReportedResult:
    """Make a result of a row.

    Raises:
        Refused: rate, energy or count is missing or makes no sense.
    """
    gpu, model, task = text(row, "gpu_model") or "", text(row, "model_id"), text(row, "task")
    count = round(positive(row, "num_gpus"))
    case = f"mlenergy/{model}/{task}/b{row.get('max_num_seqs')}/x{count}"
    return ReportedResult(
        id=f"{case}/{gpu}",
        chip=chip(gpu, count, _CHIPS.get(gpu)),
        model=model,
        precision=text(row, "weight_precision"),
        labels=known(
            row, "task", "max_num_seqs", "tensor_parallel", "expert_parallel", "data_parallel"
        ),
        measurements=[
            figure(
                "serving",
                case,
                "output_throughput",
                positive(row, "output_throughput_tokens_per_sec"),
                # The server's limit: it never decodes more at once.
                labels=load(row, osl="avg_output_len", concurrency="max_num_seqs"),
            ),
            *figures(row, case, _LATENCIES),
            figure("serving", case, "power", positive(row, "avg_power_watts"), labels=_SCOPE),
            figure(
                "serving",
                case,
                "energy_per_output_token",
                positive(row, "energy_per_token_joules"),
                labels=_SCOPE,
            ),
        ],
    )
