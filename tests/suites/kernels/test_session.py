"""A session goes on past a bad case, and says what it left out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from suites.base.errors import CheckError
from suites.kernels import session as sessions
from suites.kernels.harness import overhead_ns
from suites.kernels.profiles import profile
from suites.kernels.session import KernelSession
from suites.kernels.timing import Budget

SPEC = {
    "profile": "quick",
    "model": "tiny-15m",
    "case": "r*/f32/numpy/tiny-15m/m512/hot",
    "backend": ["numpy"],
}


@pytest.fixture
def session(monkeypatch):
    budget = Budget(warm_up_s=0, min_blocks=6, target=1.0, cap_s=0.1)
    monkeypatch.setattr(sessions, "profile", lambda name: replace(profile(name), budget=budget))
    lines = []
    session = KernelSession(SPEC, report=lambda line: lines.append(json.loads(line)))
    session.lines = lines
    return session


def refuses(*_args, **_operands):
    raise RuntimeError("this chip has no such unit\nand a long story")


def test_a_case_the_library_refuses_is_left_out_with_its_reason(session):
    first, second = session.cases
    with pytest.raises(CheckError, match=r"would not run it: this chip has no such unit$"):
        session.measure(replace(first, run=refuses))
    session.measure(second)
    result = session.result()
    assert [series.case for series in result.series] == [second.name]
    assert any("no result" in line and first.name in line for line in result.warnings)
    assert [event["done"] for event in session.lines] == [1, 2]


def test_a_session_without_any_right_result_says_no(session):
    with pytest.raises(CheckError):
        session.measure(replace(session.cases[0], run=refuses))
    with pytest.raises(CheckError, match="no kernel case gave a right result") as caught:
        session.result()
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)


def test_facts_name_library_cache_and_work(session):
    for case in session.cases:
        session.measure(case)
    facts = session.result().facts
    assert facts["packages"]["numpy"]
    assert facts["timing_overhead_ns"]["numpy"] > 0
    assert facts["last_level_cache_bytes"]["numpy"] > 0
    assert facts["cases"][session.cases[0].name]["bytes"] > 0
    json.dumps(facts)


def test_the_harness_states_its_own_overhead_with_the_rotation_in_it(session):
    case = session.cases[0]
    called = []
    assert overhead_ns(replace(case, run=called.append)) > 0
    assert not called  # the kernel itself is not part of it
