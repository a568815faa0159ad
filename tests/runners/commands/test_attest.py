"""What another harness measured, signed here: the figures are those that its file gives."""

import hashlib
import json
from dataclasses import replace

import pytest

from results.archive import archive
from results.archive.beside import place_of
from results.proof import envelope
from runners.machine import keys, machine
from runners.machine.machine import Accelerator
from runners.measure.attest import Stated, attest

pytestmark = pytest.mark.usefixtures("environment")

# 8 requests of 32 tokens in and 16 out, at two in flight: 8 ÷ 2 × 0.2 s last 0.8 s.
SERVE = {
    "date": "20261101-101500",
    "backend": "vllm",
    "model_id": "Qwen/Qwen3-0.6B",
    "num_prompts": 8,
    "completed": 8,
    "failed": 0,
    "max_concurrency": 2,
    "total_input_tokens": 256,
    "total_output_tokens": 128,
    "output_throughput": 160.0,
    "request_throughput": 10.0,
    "mean_ttft_ms": 50.0,
    "median_ttft_ms": 49.0,
    "p99_ttft_ms": 60.0,
    "mean_tpot_ms": 10.0,
    "mean_e2el_ms": 200.0,
}
LLAMA_BENCH = """\
| model | size | params | backend | threads | test | t/s |
| --- | ---: | ---: | --- | ---: | ---: | ---: |
| qwen3 0.6B Q8_0 | 600 MiB | 0.6 B | CPU | 2 | pp512 | 180.00 ± 1.00 |
| qwen3 0.6B Q8_0 | 600 MiB | 0.6 B | CPU | 2 | tg128 | 20.00 ± 0.10 |
| qwen3 1.7B Q8_0 | 1.7 GiB | 1.7 B | CPU | 2 | tg128 | 8.00 ± 0.10 |
"""


@pytest.fixture
def bench(tmp_path):
    """Writes a file of a harness."""

    def write(name="bench.json", content=None, **changes):
        path = tmp_path / name
        text = json.dumps(SERVE | changes) if content is None else content
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def told(fenmark, out):
    """What `fenmark attest --json` says of files, and how it ended."""

    def run(*arguments):
        done = fenmark("attest", *arguments, "--out", out, "--json")
        return json.loads(done.stdout), done.returncode

    return run


def predicate(out, digest):
    return archive.open_result(out / f"{digest}{archive.SUFFIX}").predicate


def rules(report):
    """Rules that flag, without that of a checkout with changes of its own."""
    return sorted({finding["rule"] for finding in report["findings"]} - {"software"})


def test_a_file_becomes_a_signed_and_logged_result_that_verifies(told, bench, out, fenmark):
    path = bench()
    [report], code = told(path)
    assert (code, report["kind"], report["imported"], report["refused"]) == (0, "vllm", 1, 0)
    stated = predicate(out, report["digest"])
    assert (stated.run.suites, stated.engines[0].name) == (["attested"], "vllm")
    assert {item.method for item in stated.measurements} == {"reported"}
    figures = {
        (item.metric, item.labels.get("percentile"), item.labels.get("statistic")): item.value
        for item in stated.measurements
    }
    assert figures["ttft", 99.0, None] == 60.0
    assert figures["ttft", 50.0, None] == 49.0
    assert figures["ttft", None, "mean"] == 50.0
    labels = stated.measurements[0].labels
    assert (labels["harness"], labels["model_in_file"]) == ("vllm", "Qwen/Qwen3-0.6B")
    assert (labels["concurrency"], labels["isl"], labels["osl"]) == (2, 32, 16)
    assert stated.machine.cpu_cores == machine.usable_cores()
    verified = fenmark("verify", out, "--json")
    [verdict] = json.loads(verified.stdout)["results"]
    assert (verified.returncode, verdict["signature"], verdict["inclusion"]) == (0, True, True)
    assert not [line for line in verdict["unchecked"] if line.startswith("samples")]


def test_the_file_lies_beside_the_envelope_byte_for_byte(told, bench, out):
    path = bench()
    [report], _ = told(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert report["file_sha256"] == digest
    assert place_of(out, digest).read_bytes() == path.read_bytes()


def forged(out, path, change):
    """The same statement with other figures, signed by the same key over the same file."""
    attested = attest(path, out, Stated())
    digest = attested.signed[0][0]
    data = (out / f"{digest}{archive.SUFFIX}").read_bytes()
    statement = json.loads(envelope.payload_of(data, "x"))
    change(statement["predicate"])
    key = keys.load_or_create()
    sealed = envelope.sign(json.dumps(statement).encode(), key.signer)
    other = out / f"{envelope.digest(sealed)}{archive.SUFFIX}"
    other.write_bytes(sealed)
    return other


def doubled(predicate):
    predicate["measurements"][0]["value"] *= 2


def made_up(predicate):
    extra = predicate["measurements"][0] | {"metric": "goodput", "unit": "1/s"}
    predicate["measurements"].append(extra)


def without_its_chip(predicate):
    for item in predicate["measurements"]:
        del item["labels"]["chip_in_file"]


def of_nobody(predicate):
    for item in predicate["measurements"]:
        item["labels"]["harness"] = "nobody"


def of_another_harness(predicate):
    for item in predicate["measurements"]:
        item["labels"]["harness"] = "guidellm"


@pytest.mark.parametrize(
    "change", [doubled, made_up, without_its_chip, of_nobody, of_another_harness]
)
def test_a_figure_the_file_does_not_give_is_refused(out, bench, change, fenmark):
    other = forged(out, bench(gpu="NVIDIA L40S"), change)
    done = fenmark("check", other, "--json")
    assert "samples" in json.loads(done.stdout)["refused"]
    assert done.returncode == 1
    assert "samples" in fenmark("verify", other, "--json").stdout


def test_a_file_that_says_another_chip_is_flagged_and_says_so(told, bench, out):
    [report], code = told(bench(gpu="4xNVIDIA L40S"), "--chip", "h100-sxm", "--count", "8")
    assert (code, rules(report)) == (0, ["chip"])
    stated = predicate(out, report["digest"])
    assert (stated.machine.chip.catalog_id, stated.machine.chip.count) == ("h100-sxm", 8)
    labels = stated.measurements[0].labels
    assert (labels["chip_in_file"], labels["count_in_file"]) == ("NVIDIA L40S", 4)


def test_a_file_that_says_the_same_chip_is_not(told, bench):
    [report], _ = told(bench(gpu="8xNVIDIA H100 80GB HBM3"), "--chip", "h100-sxm", "--count", "8")
    assert rules(report) == []


def test_a_model_that_contradicts_the_file_is_flagged(told, bench):
    [report], _ = told(bench(), "--model", "llama-3.1-8b", "--precision", "fp8")
    # Where this machine's bandwidth is known, so many weights are too much for it, too.
    assert {*rules(report)} - {"roofline"} == {"labels"}
    assert "Qwen3-0.6B" in json.dumps(report["findings"])


def test_rows_of_several_models_are_results_of_their_own_and_no_copies(told, bench, out, fenmark):
    [report], code = told(bench("b.md", LLAMA_BENCH))
    assert (code, report["rows"], len(report["digests"])) == (0, 3, 2)
    sizes = [predicate(out, digest).engines[0].model for digest in report["digests"]]
    assert sizes == ["qwen3 0.6B Q8_0", "qwen3 1.7B Q8_0"]
    [*verdicts] = json.loads(fenmark("verify", out, "--json").stdout)["results"]
    assert {"samples"} & {flag for verdict in verdicts for flag in verdict["flags"]} == set()


def test_the_same_rows_again_are_a_copy(told, bench, out, fenmark):
    path = bench()
    told(path)
    told(path)
    flags = [
        "samples" in verdict["flags"]
        for verdict in json.loads(fenmark("verify", out, "--json").stdout)["results"]
    ]
    assert sorted(flags) == [False, True]


def test_a_row_that_a_law_refuses_costs_no_other(told, bench, out):
    odd = SERVE | {"max_concurrency": 4, "median_ttft_ms": 70.0, "request_throughput": 20.0}
    lines = "\n".join(json.dumps(row) for row in (SERVE, odd | {"output_throughput": 320.0}))
    [report], code = told(bench("b.jsonl", lines))
    assert (code, report["imported"], report["refused"]) == (0, 1, 1)
    assert [reason for reason in report["reasons"] if reason.startswith("latency-order: p50 is 70")]
    assert {
        item.labels["concurrency"] for item in predicate(out, report["digest"]).measurements
    } == {2}


def test_bad_files_are_a_line_each_and_hide_no_other(fenmark, bench, out):
    none = bench("none.json", completed=0)
    junk = bench("junk.json", content='{"a": 1}')
    done = fenmark("attest", none, junk, out / "gone.json", bench(), "--out", out, "--json")
    digests = [report["digest"] for report in json.loads(done.stdout)]
    assert [digest is not None for digest in digests] == [False, False, False, True]
    assert done.returncode == 2
    assert sum(line.startswith("fenmark: ") for line in done.stderr.splitlines()) == 2
    assert fenmark("attest", none, "--out", out).returncode == 1


def test_a_file_too_long_for_a_log_is_told_so(fenmark, bench, out):
    lines = "\n".join([json.dumps(SERVE)] * 2001)
    done = fenmark("attest", bench("b.jsonl", lines), "--out", out)
    assert done.returncode == 2
    assert "holds 2,001 rows; expected 2,000 at most" in done.stderr


def test_nobody_guesses_how_many_of_several_accelerators_worked(monkeypatch, bench, out):
    card = Accelerator(name="NVIDIA H100 80GB HBM3", driver="580", memory_bytes=85 * 10**9)
    monkeypatch.setattr(machine, "accelerators", lambda: (card, replace(card)))
    with pytest.raises(Exception, match="how many of the 2 accelerators"):
        attest(bench(), out, Stated())
    of_file = attest(bench(tensor_parallel_size=2), out, Stated())
    chip = predicate(out, of_file.signed[0][0]).machine.chip
    assert (chip.catalog_id, chip.kind, chip.count) == ("h100-sxm", "gpu", 2)


def test_the_version_is_the_files_where_it_says_one(told, bench, out):
    [report], _ = told(bench(), "--harness-version", "0.25.1")
    stated = predicate(out, report["digest"])
    assert stated.measurements[0].labels["harness_version"] == "0.25.1"
    assert stated.software.packages["vllm"] == "0.25.1"


def test_an_attested_result_is_shown_and_costed_and_not_repeated(told, bench, out, fenmark):
    [report], _ = told(bench(), "--chip", "h100-sxm", "--count", "1", "--precision", "bf16")
    shown = fenmark("show", out).stdout
    assert "attested: measured by vllm" in " ".join(shown.split())
    [cost] = json.loads(fenmark("cost", "--results", out, "--json").stdout)
    assert (cost["chip"], cost["method"]) == ("h100-sxm", "reported")
    again = fenmark("reproduce", report["digest"], "--results", out, "--out", out / "again")
    assert "was measured by another harness" in again.stderr


def test_a_log_takes_it_with_its_file_and_reads_the_file_again(api, bench, out, fenmark):
    path = bench()
    digest = attest(path, out, Stated()).signed[0][0]
    sent = fenmark("submit", out / f"{digest}{archive.SUFFIX}", "--to", api, "--json")
    unchecked = json.dumps(json.loads(sent.stdout))
    assert digest in unchecked
    assert "samples:" not in unchecked
    refused = fenmark("submit", forged(out, path, doubled), "--to", api)
    assert refused.returncode == 1
    assert "its raw samples give" in refused.stderr
