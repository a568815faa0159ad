"""ML.ENERGY Leaderboard v3: rates, ITL and GPU energy of models of text, images and video.

Energy is that of the GPUs by their own counters; a text's is divided by output tokens, an image's
or a video's by what the batch gave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from results.reported.parts.building import (
    Refused,
    SourceRow,
    conditions,
    count,
    flat,
    known,
    number,
    positive,
    text,
)
from results.reported.parts.fields import Field, measured
from results.reported.parts.kind import SourceKind
from results.reported.parts.names import chip
from results.statement.reported import ReportedResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results.reported.parts.reading import Document
    from suites.base.records import Label

__all__ = ["KIND"]

_TEXT = (
    Field(
        theirs="output_throughput_tokens_per_sec",
        metric="output_throughput",
        unit="tokens/s",
        definition="in the steady state: output tokens ÷ time",
    ),
    Field(theirs="{}_itl_ms", metric="itl", unit="ms", definition="gaps between tokens"),
)
_POWERED = (
    Field(
        theirs="energy_per_token_joules",
        metric="energy_per_output_token",
        unit="J/token",
        definition="energy of all GPUs ÷ output tokens",
    ),
    Field(
        theirs="avg_power_watts",
        metric="power",
        unit="W",
        definition="mean of all GPUs together",
    ),
)
_DRAWN = (
    Field(
        theirs="throughput_images_per_sec",
        metric="request_throughput",
        unit="1/s",
        definition="images ÷ time of the batch",
    ),
    Field(
        theirs="throughput_videos_per_sec",
        metric="request_throughput",
        unit="1/s",
        definition="videos ÷ time of the batch",
    ),
    Field(theirs="batch_latency_s", metric="e2e", unit="s", definition="mean time of a batch"),
)
_DRAWN_POWERED = (
    Field(
        theirs="energy_per_image_joules",
        metric="energy_per_image",
        unit="J/image",
        definition="energy of all GPUs ÷ images",
    ),
    Field(
        theirs="energy_per_video_joules",
        metric="energy_per_video",
        unit="J/video",
        definition="energy of all GPUs ÷ videos",
    ),
    _POWERED[1],
)
_CONDITIONS = {
    "osl": "avg_output_len",
    # The server's limit: it never decodes more at once.
    "concurrency": "max_num_seqs",
    "batch": "batch_size",
    "tensor_parallel": "tensor_parallel parallelization.tensor_parallel",
    "expert_parallel": "expert_parallel parallelization.expert_parallel",
    "data_parallel": "data_parallel parallelization.data_parallel",
}
_KEPT = (
    "task", "max_num_seqs", "max_num_batched_tokens", "avg_batch_size", "image_height",
    "image_width", "video_height", "video_width", "num_frames", "fps", "inference_steps",
    "ulysses_degree", "ring_degree", "architecture", "activated_params_billions",
    "total_params_billions", "parallelization.notes",
)  # fmt: skip
# The benchmark's hosts are HGX boards, so that its bare names mean SXM.
_CHIPS = {
    "H100": "h100-sxm", "H200": "h200-sxm", "B200": "b200-sxm", "B300": "b300-sxm",
}  # fmt: skip
_SCOPE: dict[str, Label] = {"meter": "NVML counter", "scope": "chip"}


def _rows(document: Document) -> Sequence[Any]:
    """Give each configuration of a model or a task the facts that stand above it."""
    rows: list[Any] = []
    for row in document.rows:
        inside = row.get("configurations") if isinstance(row, dict) else None
        if not isinstance(inside, list):
            rows.append(row)
            continue
        above = {name: value for name, value in row.items() if not isinstance(value, dict | list)}
        rows += [above | part if isinstance(part, dict) else part for part in inside]
    return rows


def _knows(row: SourceRow) -> bool:
    return "gpu_model" in row and bool(
        {"energy_per_token_joules", "energy_per_image_joules", "energy_per_video_joules"}
        & row.keys()
    )


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a configuration.

    Raises:
        Refused: rate, energy or count is missing or makes no sense.
    """
    row = flat({name: value for name, value in row.items() if name != "output_length_distribution"})
    gpu, model, task = text(row, "gpu_model") or "", text(row, "model_id"), text(row, "task")
    chips = count(row, "num_gpus")
    if chips is None:
        raise Refused("num_gpus is missing")
    drawn = "energy_per_token_joules" not in row
    labels = known(row, *_KEPT) | conditions(row, _CONDITIONS)
    size = f"s{row.get('inference_steps')}" if drawn else f"b{row.get('max_num_seqs')}"
    case = f"mlenergy/{model}/{task}/{size}/x{chips}"[:256]
    energy: dict[str, Label] = (
        {**_SCOPE}
        if drawn
        else {
            **_SCOPE,
            "tokens": "all energy, output tokens",
        }
    )
    suite = "diffusion" if drawn else "serving"
    figures = list(measured(row, case, _DRAWN if drawn else _TEXT, suite=suite))
    figures += measured(
        row, case, _DRAWN_POWERED if drawn else _POWERED, suite=suite, labels=energy
    )
    if not drawn:
        positive(row, "output_throughput_tokens_per_sec")
        positive(row, "energy_per_token_joules")
        positive(row, "avg_power_watts")
    elif number(row, "batch_latency_s") is None or not any("energy" in f.metric for f in figures):
        raise Refused("energy or latency of a batch is missing")
    return ReportedResult(
        id=f"{case}/{gpu}"[:256],
        chip=chip(gpu, chips, _CHIPS.get(gpu)),
        model=model,
        precision=text(row, "weight_precision"),
        labels=labels,
        measurements=figures,
    )


KIND = SourceKind(
    name="mlenergy",
    title="ML.ENERGY Leaderboard v3",
    licence="Apache-2.0",
    footnote="Energy is of the GPUs alone, all of it divided by output tokens, images or videos.",
    formats="JSON of a model or of a task (text, image, video), or flattened as CSV",
    fields=(*_TEXT, *_POWERED, *_DRAWN, *_DRAWN_POWERED[:2]),
    knows=_knows,
    read=_read,
    rows=_rows,
)
