"""What each law says of a figure that breaks it: where, and both numbers, word by word."""

from __future__ import annotations

import pytest

from results.checks import check
from results.statement.statement import Statement
from tests.builders import figure, stated
from tests.results import honest


def told(data, rule):
    """Place and reason of each finding of one law."""
    findings = check(Statement.model_validate(data))
    return [(each.where, each.reason) for each in findings if each.rule == rule]


@pytest.mark.parametrize(
    ("labels", "rule", "where", "reason"),
    [
        ({"count_in_file": 2}, "chip", "machine.chip.count", "the file says 2 chips, the result 1"),
        (
            {"chip_in_file": "NVIDIA H200"},
            "chip",
            "machine.chip",
            "the file names 'NVIDIA H200', the result 'h100-sxm'",
        ),
        (
            {"model_in_file": "Qwen/Qwen2.5-7B-Instruct"},
            "labels",
            "engines.model",
            "the file says 'Qwen/Qwen2.5-7B-Instruct', the result 'llama-3.1-8b'",
        ),
        (
            {"precision_in_file": "FP8"},
            "labels",
            "engines.precision",
            "the file says 'FP8', the result 'bf16'",
        ),
    ],
)
def test_what_a_harness_file_says_of_itself_is_what_the_result_says(labels, rule, where, reason):
    assert told(honest.attested(), rule) == []
    assert told(honest.attested(**labels), rule) == [(where, reason)]


def cpu(listed, count):
    """A statement of one figure on so many cores of a machine whose kernel lists others."""
    data = stated(figure(suite="inference", metric="tpot", unit="ms", value=20.0), version=1)
    machine = data["predicate"]["machine"]
    machine["chip"] |= {"kind": "cpu", "count": count}
    machine["cpu_cores"] = 64
    machine["conditions"] = {"numa_cpus": listed}
    return data


@pytest.mark.parametrize(
    ("listed", "cores"),
    [("node0 0-3", 4), ("node0 0-3,8", 5), ("node0 5", 1), ("node0 0-1; node1 4-7", 6)],
)
def test_cores_are_as_many_as_the_kernel_lists(listed, cores):
    def beyond(count):
        places = told(cpu(listed, count), "chip")
        return [reason for where, reason in places if where == "machine.chip.count"]

    assert beyond(cores) == []
    more = f"{cores + 1} are claimed, the machine shows {cores}"
    assert beyond(cores + 1) == [more]


def kernel(case, **labels):
    item = figure(
        suite="kernels", case=case, metric="time", unit="ms", value=20.0, n=7, labels=labels
    )
    data = stated(item, version=1)
    data["predicate"]["run"] |= {"suites": ["kernels"], "profile": "standard"}
    return data


@pytest.mark.parametrize(
    ("case", "labels", "reason"),
    [
        ("gemm/bf16/torch/m1", {"family": "gemm", "dtype": "bf16"}, ""),
        ("gemm/bf16/torch/hot", {"family": "gemm", "dtype": "bf16", "cache": "hot"}, ""),
        ("gemm/bf16/torch/m1", {"family": "gemm", "dtype": "f16"}, "dtype bf16, its label f16"),
        ("gemm/bf16/torch/m1", {"family": "copy", "dtype": "bf16"}, "family gemm, its label copy"),
        (
            "gemm/bf16/torch/hot",
            {"family": "gemm", "dtype": "bf16"},
            "cache hot, its label cold",
        ),
        ("gemm/bf16", {"family": "copy", "dtype": "f16"}, ""),
    ],
)
def test_a_kernel_s_labels_are_those_of_its_case(case, labels, reason):
    reasons = [f"its case says {reason}"] if reason else []
    assert [why for _, why in told(kernel(case, **labels), "labels")] == reasons


def modelled(**changes):
    """Llama's decode at 500 tokens/s, its joules by the nameplate of an H100: 700 W over that."""
    data = honest.h100()
    for item in data["predicate"]["measurements"]:
        if item["metric"] == "energy_per_output_token":
            item.update({"method": "modelled", "low": 0.0, "high": 1.4, "value": 0.7} | changes)
            item["labels"] = {k: v for k, v in item["labels"].items() if "meter" not in k}
    return data


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"high": 2.8, "value": 1.4}, "is modelled at 1386 W by its rate, the nameplate allows "),
        ({"high": 0.7, "value": 0.35}, "is modelled at 353.5 W by its rate, the nameplate needs "),
        ({"value": 0.1}, "is modelled at 0.1, the middle of its bounds is "),
    ],
)
def test_modelled_joules_are_the_nameplate_s_over_the_rate(changes, reason):
    findings = told(modelled(**changes), "power")
    assert [where for where, _ in findings] == (
        ["decode/b4/ctx1024 energy_per_output_token"] if reason else []
    )
    assert all(why.startswith(reason) for _, why in findings)


def served(**changes):
    """The honest run with these changes of the closed loop of one stream."""
    data = honest.h100()
    for item in data["predicate"]["measurements"]:
        if item.get("case", "").startswith("closed/c1/"):
            item.update(changes.get(item["metric"], {}))
    return data


def test_a_quick_run_sends_what_its_load_gives():
    data = served(e2e={"n": 11}, failed={"n": 11})
    data["predicate"]["run"]["profile"] = "quick"
    # Four requests at least, in each of three processes.
    place = "closed/c1/isl512/osl128 e2e"
    assert (place, "11 requests, the quick profile sends 11") not in told(data, "profile")
    for n, reason in ((10, "sends 11"), (13, "sends 12")):
        data = served(e2e={"n": n}, failed={"n": n})
        data["predicate"]["run"]["profile"] = "quick"
        assert (place, f"{n} requests, the quick profile {reason}") in told(data, "profile")


def test_a_lone_prompt_is_measured_as_often_as_the_profile_says():
    data = honest.h100()
    first = {**figure(suite="inference", case="prefill/isl512", metric="ttft", unit="ms"), "n": 14}
    first |= {"value": 90.0, "low": 89.0, "high": 91.0, "labels": {"isl": 512}}
    data["predicate"]["measurements"].append(first)
    assert told(data, "profile") == [
        ("prefill/isl512 ttft", "14 samples, the standard profile takes 15")
    ]
    first["n"] = 15
    assert told(data, "profile") == []


def test_a_valid_point_fails_seldom_and_says_how_often():
    place = "closed/c1/isl512/osl128"
    many = {"value": 3.0}
    assert (
        f"{place} failed",
        "3 requests failed, a valid point allows 1.97",
    ) in told(served(failed=many), "profile")
    data = honest.h100()
    predicate = data["predicate"]
    predicate["measurements"] = [
        item
        for item in predicate["measurements"]
        if (item["metric"], item["case"]) != ("failed", place)
    ]
    assert told(data, "profile") == [(f"{place} request_throughput", "stands without its failures")]
