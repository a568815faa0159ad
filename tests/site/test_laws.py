"""The laws in the browser find what they find in Python: same rule, figure, reason and numbers."""

from __future__ import annotations

import base64
import copy
import json
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from leaderboard.read import known
from results import catalog, checks
from results.checks import LAWS, Context
from results.statement import strict_json
from results.statement.statement_v2 import read_statement
from suites import models
from suites.base.errors import UserError
from suites.base.labels import LABELS
from suites.base.metrics import METRICS
from tests.results import honest
from tests.results.test_cheats import (
    BUSES,
    CHEATS,
    CPU_CHEATS,
    KERNEL_CHEATS,
    MODELLED_CHEATS,
    at,
    on_the_bus,
    replayed,
    scaled,
    together,
)

if TYPE_CHECKING:
    from results.checks import Judged

pytestmark = pytest.mark.browser

Json = dict[str, Any]
# Laws that ask for other results, raw samples, kernels computed again or for a certificate.
ELSEWHERE = {
    "samples_are_new",
    "samples_give_the_figures",
    "samples_are_of_a_clock",
    "outputs_come_from_the_seed",
    "job_is_the_one_certified",
    "challenge_has_one_answer",
}
# Taken from the environment, to be run once at length.
EXAMPLES = int(os.environ.get("FENMARK_EXAMPLES", "100"))
# The reader's, years after every result here; the page is asked at the same.
CLOCK = datetime(2030, 1, 1, tzinfo=UTC)
JUDGE = """async ([told, payloads]) => {
  const [{ parsed }, { judge, elsewhere }] = await Promise.all(
    ["json", "laws"].map((name) => import(`../assets/fenmark/${name}.js`)),
  );
  const tables = JSON.parse(told);
  const bytes = (coded) => Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0));
  const judged = [], clock = Date.UTC(2030, 0, 1) / 1000;
  for (const one of payloads) judged.push(await judge(parsed(bytes(one)), tables, clock));
  return { judged, elsewhere: elsewhere(tables).map(({ find }) => find) };
}"""
SUMS = """async ([models, loads]) => {
  const { Geometry } = await import("../assets/fenmark/laws-geometry.js");
  return Object.values(models).map((model) => {
    const geometry = new Geometry(model);
    const { precision, ...widths } = model.published ?? { precision: "" };
    const bits = precision ? widths : 4.5;
    return [geometry.weightBytes(bits), ...loads.flatMap(([tokens, batch]) => [
      geometry.prefillFlops(tokens), geometry.decodeFlops(tokens), geometry.kvBytes(tokens, 2),
      geometry.decodeMinBytes(tokens, batch, bits, 1), geometry.decodeMinBytes(tokens, batch, 8, 2),
    ])];
  });
}"""
IDENTIFY = """async ([tables, shown]) => {
  const { identify } = await import("../assets/fenmark/laws-chips.js");
  return shown.map((seen) => identify(seen, tables));
}"""


# What a meter may say of itself that is not, or only just, an instrument's.
METERS = {
    "accuracy_percent": [-1.0, 0.0, 0.0049, 0.005, 0.5, 100.0, 100.1, 1e300],
    "calibrated_at": [
        "1949-12-31T23:59:59Z",
        "1950-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2025-06-01T00:00:00.5Z",
        "9999-12-31T23:59:59Z",
    ],
}


def h100(cheat: Callable[[Json], object]) -> Json:
    data = honest.h100()
    cheat(data["predicate"])
    return data


def published(suite: str, cheat: Callable[[Json], object], engine: str = "") -> Json:
    data = honest.published(suite, engine)
    cheat(data["predicate"])
    return data


def asked_from(seed: object) -> Callable[[Json], object]:
    """Questions made from a seed; None states none."""
    score = honest.figure("score", "share", 0.5, 600) | {"suite": "quality"}
    labels = {} if seed is None else {"question_seed": seed}
    asked = {**score, "case": "questions/all", "low": 0.4, "high": 0.6, "labels": labels}
    return lambda predicate: predicate["measurements"].append(asked)


def statements() -> dict[str, Json]:
    """Honest results, and false ones that between them break every law."""
    signed = [
        json.loads(base64.b64decode(sealed["payload"])) for sealed in honest.every_published()
    ]
    watts = {"metric": "power", "unit": "W", "suite": "inference", "case": "decode/b4/ctx1024"}
    by = {"meter": "nvml 0", "scope": "chip"}
    power = {**honest.figure("power", "W", 600.0, 15, **by), **watts}
    rate = {**honest.figure("output_throughput", "tokens/s", 500.0, 15), **watts}
    rate |= {"metric": "output_throughput", "unit": "tokens/s"}
    return {
        "honest": honest.h100(),
        **{f"published {number}": document for number, document in enumerate(signed)},
        **{name: h100(cheat) for name, (cheat, _) in CHEATS.items()},
        **{
            f"{name}, on a processor": published("serving", cheat, "llama.cpp")
            for name, (cheat, _) in CPU_CHEATS.items()
        },
        **{
            f"{name}, of kernels": published("kernels", cheat)
            for name, (cheat, _) in KERNEL_CHEATS.items()
        },
        **{
            f"{name}, modelled": published("serving", cheat, "llama.cpp")
            for name, (cheat, _) in MODELLED_CHEATS.items()
        },
        **{f"on the bus: {name}": on_the_bus(*ids) for name, (ids, _) in BUSES.items()},
        "a kernel above the peak": published("kernels", scaled("bandwidth", 1e3, cache="cold")),
        "joules that are not watts over rate": h100(
            lambda predicate: predicate["measurements"].extend([power, rate])
        ),
        "a seed of your own": h100(at("run.nonce", "challenge")),
        **{
            f"questions of seed {seed!r}": h100(asked_from(seed))
            for seed in (honest.h100()["predicate"]["run"]["seed"], 12345, True, "0", 0.5, None)
        },
        "a run of the year 9999": h100(at("run.finished_at", "9999-12-31T23:59:59.5Z")),
        **{
            f"a meter {accuracy}": h100(at("meters.0." + name, accuracy))
            for name, told in METERS.items()
            for accuracy in told
        },
        "no released version": h100(at("run.suite_version", "9.9.9")),
        "code of your own": h100(at("source.modified", True)),
        "a replayed trace": h100(replayed("replay/chat/x1")),
        "a closed loop that says it replays": h100(replayed("closed/c8/isl512/osl128")),
        "attested": honest.attested(),
        "attested, of lengths only asked for": honest.attested(osl=150),
        "attested, of another chip": honest.attested(
            chip_in_file="NVIDIA A100-SXM4-80GB", count_in_file=8
        ),
        "attested, of a chip nobody knows": honest.attested(chip_in_file="it's"),
        "attested, of another model": honest.attested(
            model_in_file="Qwen/Qwen3-8B", precision_in_file="q4_0"
        ),
        "an unknown model": h100(at("engines.0.model", "nobody/unheard-of-3B")),
        "an unknown chip": h100(
            together(at("machine.chip.catalog_id", None), at("machine.chip.kind", "other"))
        ),
    }


# Values that a stranger may write where a label or a name stands.
ODD = [
    True, False, 0, 1, -1, 1.0, 50, 50.0, 99, 2.5, 1e-5, 1e9, 123456.5, 2.5e17, "", "x", "8",
    "nvml 0", "total of 8", "it's", 'a "b"', "back\\slash", "é\u00a0z", "\U0001f600" * 50,
    "median", "mean", "p90", "p99.9", "chip", "wall", "pool a", "hot", "f32", "fp8", "all_reduce",
]  # fmt: skip
MODELS = [
    *models.available(), "Qwen/Qwen3-8B", "constructor", "deepseek-ai/DeepSeek-R1-0528", "DSR1",
    "meta-llama/Llama-3.3-70B-Instruct", "nobody/3B", "nvidia/Llama 3.1 8B", "Qwen3-8B-Embedding",
    "moonshotai/Kimi-K2-Instruct", "Kimi-K2.6", "MiniMaxAI/MiniMax-M2.1", "minimax-m2\u0665",
]  # fmt: skip
PRECISIONS = [
    "q8_0", "Q4_K_M", "fp8", "W4A16-GPTQ", "4.5 bpw", "8-bit", "tf32", " BF16 ", "f99", "mxfp4",
    "nvfp4", "fp8-fp4", "compressed-tensors", "bitnet", "٤ bit", "8\u00a0bit",
]  # fmt: skip
# As drivers, processors and tables say them.
NAMES = [
    "NVIDIA H100 80GB HBM3", "NVIDIA GeForce RTX 4090 D", "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
    "AMD EPYC 9654P 96-Core Processor", "Intel(R) Xeon(R) Processor", "8xH100 SXM5", "é",
    "H200 NVL", "AMD Instinct MI300X OAM", "NVIDIA A100-SXM4-80GB", "Virtual CPU",
    "AWS c7g.large; x", "\u017f m7g",
]  # fmt: skip
CASES = ["closed/c8/isl512/osl128", "open/r5/isl512", "decode/b4/ctx1024", "prefill/isl8", "x/c3"]


Pick = Callable[[Sequence[Any]], Any]


def scale(_: Json, item: Json, pick: Pick) -> None:
    factor = pick([0.1, 0.3, 0.9, 1.1, 2, 10, 1e9, -1, 0])
    for end in pick([("value", "low", "high"), ("value",), ("low",)]):
        item[end] = item[end] and item[end] * factor


def label(_: Json, item: Json, pick: Pick) -> None:
    item["labels"][pick([*LABELS, "gemm_dtype", "n_prompt", "__proto__", "toString"])] = pick(ODD)


def unlabel(predicate: Json, item: Json, pick: Pick) -> None:
    name = pick(["percentile", "osl", "isl", "meter", "processes"])
    for row in predicate["measurements"]:
        if row["case"] == item["case"]:
            row["labels"].pop(name, None)


def rename(predicate: Json, item: Json, pick: Pick) -> None:
    case, item["metric"] = pick([item["case"], *CASES]), pick([item["metric"], *METRICS])
    for row in predicate["measurements"]:
        if row["case"] == item["case"]:
            row["case"] = case


def recount(_: Json, item: Json, pick: Pick) -> None:
    item["n"], item["suite"] = pick([0, 1, 3, 10**6]), pick([item["suite"], "serving", "sui'te"])
    item["method"] = pick(["measured", "modelled", "reported"])


def repeat(predicate: Json, item: Json, _: Pick) -> None:
    predicate["measurements"].append(copy.deepcopy(item))


def other_chip(predicate: Json, _: Json, pick: Pick) -> None:
    chip, conditions = predicate["machine"]["chip"], predicate["machine"]["conditions"]
    chip["catalog_id"] = pick([None, "constructor", *catalog.chips()])
    chip["kind"] = pick(["cpu", "gpu", "npu", "other"])
    chip["count"], chip["memory_bytes"] = pick([1, 8, 1000]), pick([None, 0, 24 * 10**9])
    conditions["numa_cpus"] = pick(["n 0-3,8; m 4-7", "0-3", "n 5-3", 3, True])
    conditions[pick(["gpu1_x", "cpu_family"])] = pick([1, 25, "25"])
    chip["name"] = pick([chip["name"], *NAMES])
    conditions["cpu_vendor"] = pick(["AuthenticAMD", "GenuineIntel", "0x41", 1])
    conditions["machine_tables"] = pick(["", 8, "c7g.large", "abc7g; Amazon m7g.xlarge", *NAMES])


def other_engine(predicate: Json, _: Json, pick: Pick) -> None:
    for engine in predicate["engines"]:
        engine["model"], engine["precision"] = pick(MODELS), pick(PRECISIONS)
        flag = pick(["tp", "n_threads", "--draft", "cpu_moe"])
        engine["flags"][flag] = pick([2, 8, 0, True, "none", "mtp"])


def other_run(predicate: Json, _: Json, pick: Pick) -> None:
    run = predicate["run"]
    run["profile"] = pick(["quick", "standard", "full"])
    run["options"] = pick([None, {}, {"requests": 3}])
    run[pick(["started_at", "finished_at"])] = pick(
        [
            "2026-11-24T05:01:00Z",
            "2026-11-24T05:01:00.25Z",
            "2026-02-30T00:00:00Z",
            "2025-01-01T00:00:00Z",
            "2027-01-01T00:00:00Z",
        ]
    )


CHANGES = [
    scale, label, unlabel, rename, recount, repeat, other_chip, other_engine, other_engine,
    other_run,
]  # fmt: skip


def random_statements(honest_ones: Sequence[Json]) -> dict[str, Json]:
    """Results in which a few things are otherwise, whatever they mean."""
    chance, made = Random(11), dict[str, Json]()
    while len(made) < EXAMPLES:
        data = copy.deepcopy(chance.choice(honest_ones))
        for _ in range(chance.choice([1, 1, 2, 3, 6])):
            item = chance.choice(data["predicate"]["measurements"])
            chance.choice(CHANGES)(data["predicate"], item, chance.choice)
        with suppress(UserError, ValueError):  # what no schema takes is not a statement
            read_statement(strict_json.loads(strict_json.canonical(data), "x"))
            made[f"random {len(made)}"] = data
    return made


def same(first: object, other: object) -> bool:
    """Equal, or numbers that differ where a double ends."""
    if isinstance(first, float) and isinstance(other, int | float):
        return math.isclose(first, other, rel_tol=1e-9)
    return first == other


def alike(judged: Judged, told: Json) -> bool:
    findings = [finding.to_json() for finding in judged.findings]
    return (
        (judged.held, list(judged.unchecked)) == (told["held"], told["unchecked"])
        and len(findings) == len(told["findings"])
        and all(
            finding.keys() == other.keys()
            and all(same(finding[name], other[name]) for name in finding)
            for finding, other in zip(findings, told["findings"], strict=True)
        )
    )


@pytest.fixture
def ask(tab, serve, site):
    """Runs a function in the page."""
    tab.goto(f"{serve(site)}verify/")
    return tab.evaluate


# Sent as text: Playwright takes a table of tables apart piece by piece.
SENT = known.laws().decode()
TABLES = json.loads(SENT)


def test_the_laws_find_the_same_in_python_and_in_the_browser(ask):
    told_of = statements()
    honest_ones = [
        data for name, data in told_of.items() if name.startswith(("honest", "published"))
    ]
    named = {**told_of, **random_statements(honest_ones)}
    payloads = {name: strict_json.canonical(data) for name, data in named.items()}
    coded = [base64.b64encode(payload).decode() for payload in payloads.values()]
    # No message to a browser may be large.
    answers = [
        ask(JUDGE, [SENT, coded[first : first + 100]]) for first in range(0, len(coded), 100)
    ]
    python = {
        name: checks.judge(read_statement(json.loads(payload)), Context(clock=CLOCK))
        for name, payload in payloads.items()
    }
    judged = [verdict for answer in answers for verdict in answer["judged"]]
    told = dict(zip(payloads, judged, strict=True))
    assert set(answers[0]["elsewhere"]) == ELSEWHERE
    assert [name for name in python if not alike(python[name], told[name])] == []
    assert python["honest"].findings == ()
    broken = {finding.formula for judged in python.values() for finding in judged.findings}
    assert {law.formula for law in LAWS if law.find.__name__ not in ELSEWHERE} == broken


# Tokens and batch, around windows, chunks and entries of the models that ship.
LOADS = [(1, 1), (2, 3), (127, 1), (128, 2), (129, 64), (1025, 1), (8193, 7), (131_077, 256)]


def test_every_model_has_the_same_sums_in_python_and_in_the_browser(ask):
    told = ask(SUMS, [TABLES["models"], LOADS])
    for name, in_browser in zip(TABLES["models"], told, strict=True):
        geometry = models.load(name)
        bits = geometry.published.widths() if geometry.published else 4.5
        own = [geometry.weight_bytes(bits)]
        for tokens, batch in LOADS:
            own += [
                geometry.prefill_flops(tokens),
                geometry.decode_flops(tokens),
                geometry.kv_bytes(tokens, 2),
                geometry.decode_min_bytes(tokens, batch, bits_per_parameter=bits, kv_dtype_bytes=1),
                geometry.decode_min_bytes(tokens, batch, bits_per_parameter=8, kv_dtype_bytes=2),
            ]
        assert in_browser == pytest.approx(own, rel=1e-12), name


def shown() -> list[Json]:
    """What machines show of every chip of the catalogue, and of none."""
    chips = catalog.chips().values()
    names = [name for chip in chips for name in (chip.id, chip.name, *chip.match)]
    dressed = [f"8x{chip.vendor} {chip.name}_24 GB" for chip in chips]
    numbered = [
        {"vendor": of.vendor, "family": of.family, "model": model, "stepping": stepping}
        for chip in chips
        if (of := chip.cpuid)
        for model in [*of.models[:2], 9999]
        for stepping in (None, *of.steppings, 99)
    ]
    alone = [word for chip in chips if chip.cpuid for word in chip.cpuid.alone]
    words = [*alone, *(word for chip in chips for word in chip.tables)]
    buses = [*(pci for chip in chips for pci in chip.pci), "abcd:0001"]
    tables = [[], *([f"{word}.large", "x"] for word in words), [f"ab{words[0]}"]]
    return [
        *({"name": name, "tables": []} for name in [*names, *dressed, *NAMES]),
        *({"name": "cpu", "tables": listed} for listed in tables),
        *({"name": "x", "tables": [], "pci": pci} for pci in buses),
        *(
            {"name": "cpu", "tables": listed, "cpu": cpu}
            for cpu in numbered
            for listed in tables[:9]
        ),
    ]


def test_a_chip_is_known_by_the_same_signs_in_python_and_in_the_browser(ask):
    seen = shown()
    own = [
        catalog.identify(
            catalog.ChipSigns(
                name=chip["name"],
                tables=tuple(chip["tables"]),
                pci=chip.get("pci", ""),
                **chip.get("cpu", {}),
            )
        )
        for chip in seen
    ]
    told = ask(IDENTIFY, [TABLES, seen])
    assert [pair for pair in zip(seen, own, told, strict=True) if pair[1] != pair[2]] == []
    assert len({*own}) > len(catalog.chips()) * 0.9


def test_a_model_that_the_page_cannot_compute_with_is_left_to_the_verb(ask):
    data = honest.h100()
    name = data["predicate"]["engines"][0]["model"]
    tables = json.loads(SENT)
    tables["models"][name]["parts"].append({"kind": "of a later version", "count": 1})
    coded = base64.b64encode(strict_json.canonical(data)).decode()
    [judged] = ask(JUDGE, [json.dumps(tables), [coded]])["judged"]
    assert judged["partly"] == ["roofline", "memory"]
    assert judged["findings"] == []
    [told] = judged["unchecked"]
    assert told.startswith("roofline, memory: computed by `fenmark verify`")
    full = ask(JUDGE, [SENT, [coded]])["judged"][0]
    assert (full["partly"], full["unchecked"]) == ([], [])
    assert judged["held"] < full["held"]
