"""llama-bench (llama.cpp): prompt processing and text generation, in each of its five outputs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from results.reported.parts.building import (
    Refused,
    SourceRow,
    conditions,
    figure,
    known,
    named,
    number,
    positive,
    text,
)
from results.reported.parts.fields import Field
from results.reported.parts.kind import TOOL, SourceKind
from results.reported.parts.names import chip
from results.reported.parts.reading import Broken
from results.reported.parts.results import others
from results.statement.reported import ReportedResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from results.reported.parts.reading import Document, MarkdownTable
    from results.statement.reported import ReportedChip
    from suites.base.records import Label

__all__ = ["KIND"]

_FIELDS = (
    Field(
        theirs="avg_ts of pp",
        metric="prefill_throughput",
        unit="tokens/s",
        definition="of a test `pp`: prompt tokens ÷ time, mean of the repetitions",
    ),
    Field(
        theirs="avg_ts of tg",
        metric="decode_throughput",
        unit="tokens/s",
        definition="of a test `tg`: generated tokens ÷ time, one sequence, mean of the repetitions",
    ),
    Field(
        theirs="avg_ts of pp+tg",
        metric="",
        unit="tokens/s",
        definition="not taken over of a test `pp+tg`: prompt and generation are one rate",
    ),
)
_CONDITIONS = {"isl": "n_prompt", "osl": "n_gen", "depth": "n_depth starting_depth"}
_KEPT = (
    "n_prompt", "n_gen", "n_batch", "n_ubatch", "n_threads", "n_gpu_layers", "n_cpu_moe",
    "split_mode", "main_gpu", "tensor_split", "devices", "backends", "backend", "flash_attn",
    "no_kv_offload", "use_mmap", "mmap", "embeddings", "cpu_mask", "cpu_strict", "poll",
    "use_direct_io", "no_op_offload", "no_host", "tensor_buft_overrides", "model_filename",
    "toolbox", "series", "stddev_ts", "mul_mat_q", "f16_kv", "build", "fa", "hipblaslt", "b",
    "test_time", "defrag_thold",
)  # fmt: skip
# What a newer version writes besides is a condition too, but for these.
_NO_CONDITIONS = {
    *_KEPT, "type_k", "type_v", "cpu_info", "gpu_info", "model_type", "model_size",
    "model_n_params", "model", "test", "avg_ns", "stddev_ns", "avg_ts", "samples_ns", "samples_ts",
    "build_commit", "build_number", "n_depth", "starting_depth", "cuda", "vulkan", "metal", "sycl",
    "gpu_blas", "blas",
}  # fmt: skip
_QUANTIZATION = re.compile(r"\b((?:I?Q|TQ)\d\w*|MXFP4\w*|NVFP4\w*|BF16|F16|F32)\b", re.IGNORECASE)
# A program lists each of its GPUs; a machine has no more.
_MOST_GPUS = 1024
_TEST = re.compile(r"(?P<kind>pp|tg) ?(?P<n>\d+)(?: ?@ ?d(?P<depth>\d+))?")
_MEAN = re.compile(r"(?P<mean>[\d.]+)(?: ?± ?(?P<std>[\d.]+))?")
# Columns of the printed table -> names of the other outputs.
_PRINTED = {
    "ngl": "n_gpu_layers", "threads": "n_threads", "n_batch": "n_batch", "n_ubatch": "n_ubatch",
    "type_k": "type_k", "type_v": "type_v", "fa": "flash_attn", "sm": "split_mode",
    "mg": "main_gpu", "ts": "tensor_split", "dev": "devices", "mmap": "use_mmap",
    "backend": "backends", "ncmoe": "n_cpu_moe",
}  # fmt: skip
_INSERT = re.compile(r"INSERT INTO \w+ \((?P<names>[^)]*)\)\s*VALUES\s*\((?P<values>.*)\);?\s*")
_VALUE = re.compile(r"\s*'((?:[^']|'')*)'\s*(?:,|$)|\s*([^,']*?)\s*(?:,|$)")


def _rows(document: Document) -> Sequence[Any]:
    if document.tables:
        return [row for table in document.tables for row in _printed(table)]
    if "INSERT INTO" in document.text[:100_000]:
        return list(_inserted(document.text))
    return [_bare(row) for row in document.rows]


def _bare(row: Any) -> Any:
    """Take a row out of the wrapper some scripts put around it; what they add is kept."""
    raw = row.get("bench_raw") if isinstance(row, dict) else None
    if not isinstance(raw, dict):
        return row
    return {name: value for name, value in row.items() if name != "bench_raw"} | raw


def _printed(table: MarkdownTable) -> Iterator[Any]:
    names = [name.lower() for name in table.columns]
    if "t/s" not in names or "test" not in names:
        return
    for cells in table.cells:
        if len(cells) != len(names):
            yield Broken(f"has {len(cells)} cells under {len(names)} names")
            continue
        row = dict(zip(names, cells, strict=True))
        test, rate = _TEST.fullmatch(row["test"]), _MEAN.fullmatch(row["t/s"])
        fields: SourceRow = {"model_type": row.get("model"), "test": row["test"]}
        fields |= {_PRINTED[name]: row[name] for name in names if name in _PRINTED}
        if test:
            fields |= {
                "n_prompt": int(test["n"]) if test["kind"] == "pp" else 0,
                "n_gen": int(test["n"]) if test["kind"] == "tg" else 0,
                "n_depth": int(test["depth"] or 0),
            }
        else:
            fields |= {"n_prompt": 1, "n_gen": 1}
        fields |= {
            "avg_ts": rate["mean"] if rate else row["t/s"],
            "stddev_ts": rate and rate["std"],
        }
        yield fields


def _inserted(content: str) -> Iterator[Any]:
    for line in content.split("\n"):
        match = _INSERT.fullmatch(line.rstrip("\r"))
        if not match:
            continue
        names = [name.strip() for name in match["names"].split(",")]
        values = [
            (quoted.replace("''", "'") if quoted else plain)
            for quoted, plain in _VALUE.findall(match["values"])
        ][: len(names) + 2]
        while len(values) > len(names) and not values[-1]:
            values.pop()
        if len(values) != len(names):
            yield Broken(f"has {len(values)} values under {len(names)} names", tuple(names))
        else:
            yield dict(zip(names, values, strict=True))


def _knows(row: SourceRow) -> bool:
    return "avg_ts" in row and bool({"n_prompt", "n_gen"} & row.keys())


def _read(row: SourceRow) -> ReportedResult:
    """Make a result of a row: avg_ts is tokens per second of the kind the test runs.

    Raises:
        Refused: prompt and generation are mixed in one rate, or there is none.
    """
    prompt, generated = number(row, "n_prompt") or 0, number(row, "n_gen") or 0
    if bool(prompt) == bool(generated):
        raise Refused("prompt and generation are one rate" if prompt else "no tokens")
    metric = "prefill_throughput" if prompt else "decode_throughput"
    phase = f"prefill/isl{prompt:.0f}" if prompt else f"decode/osl{generated:.0f}"
    labels = _labels(row)
    if depth := labels.get("depth"):
        phase += f"/d{depth}"
    samples = row.get("samples_ts")
    n = len(samples) if isinstance(samples, list) and samples else 1
    rate = figure("inference", f"llama-bench/{phase}", metric, positive(row, "avg_ts"), n=n)
    model = named(row, "model_type", "model", "model_filename")
    build = " ".join(filter(None, (text(row, "build_commit"), text(row, "build_number"))))
    quantized = _QUANTIZATION.search(model or "")
    return ReportedResult(
        id=f"{model}/{phase}"[:256],
        chip=_chip(row, prompt=bool(prompt)),
        model=model,
        precision=quantized[1] if quantized else None,
        engine=f"llama.cpp {build}".strip(),
        date=text(row, "test_time"),
        labels=labels,
        measurements=[rate],
    )


def _labels(row: SourceRow) -> dict[str, Label]:
    labels = others(row, (), _NO_CONDITIONS) | known(row, *_KEPT) | conditions(row, _CONDITIONS)
    labels["batch"] = 1
    types = [text(row, name) for name in ("type_k", "type_v")]
    if types[0]:
        labels["kv_cache"] = types[0] if types[0] == types[1] else f"{types[0]} / {types[1]}"
    return labels


def _chip(row: SourceRow, *, prompt: bool) -> ReportedChip:
    """Name what it ran on: those of the listed GPUs that took part, or the CPU, without its cores.

    `-sm none` uses one GPU, `-dev` those it names, `-ts` those with a share, and `-ngl 0` none,
    except that large prompts are multiplied on one all the same.
    """
    listed = str(row.get("gpu_info") or "").count(",") + 1
    if listed > _MOST_GPUS:
        raise Refused(f"gpu_info lists {listed:,} GPUs")
    gpus = [name.strip() for name in str(row.get("gpu_info") or "").split(",") if name.strip()]
    cpu = text(row, "cpu_info")
    layers = number(row, "n_gpu_layers")
    if not gpus or text(row, "devices") == "none":
        return chip(cpu, None)
    if "RPC" in (text(row, "backends") or ""):
        return chip(text({"name": f"{', '.join(gpus)}, and others by RPC"}, "name"), None, "none")
    if layers == 0:
        if prompt and str(row.get("no_op_offload")).lower() not in {"1", "true"}:
            return chip(text({"name": f"{cpu} with {gpus[0]}"}, "name"), None, "none")
        return chip(cpu, None)
    used = _used(row, gpus)
    same = len(set(used)) == 1
    name = text({"name": ", ".join(used)}, "name")
    if not same:
        return chip(name, len(used), "none")
    of_one = chip(used[0], len(used))
    return of_one.model_copy(update={"name": name or of_one.name})


def _used(row: SourceRow, gpus: list[str]) -> list[str]:
    main = number(row, "main_gpu") or 0
    if text(row, "split_mode") == "none":
        return [gpus[round(main)]] if 0 <= main < len(gpus) else gpus[:1]
    devices = text(row, "devices") or "auto"
    if devices != "auto":
        wanted = [re.search(r"(\d+)$", name) for name in re.split(r"[/,;]", devices)]
        at = [int(match[1]) for match in wanted if match]
        return [gpus[index] for index in at if index < len(gpus)] or gpus
    shares = (text(row, "tensor_split") or "").split("/")
    if len(shares) > 1:
        kept = [
            gpu
            for gpu, share in zip(gpus, shares, strict=False)
            if number({"share": share}, "share")
        ]
        return kept or gpus
    return gpus


KIND = SourceKind(
    name="llama-bench",
    title="llama-bench (llama.cpp)",
    licence=TOOL,
    footnote="Mean rate of the repetitions; no requests are served.",
    formats="`-o csv`, `json`, `jsonl`, `md` or `sql`",
    fields=_FIELDS,
    knows=_knows,
    read=_read,
    rows=_rows,
)
