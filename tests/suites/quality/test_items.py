"""Questions: the same from one seed, others from another, each with the answer that is right."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.quality.grading import graded
from suites.quality.items import FAMILIES, LEVELS, GradedQuestion, items


def of(family: str, count: int = 4) -> list[GradedQuestion]:
    return [item for item in items(b"a seed", 55 * count) if item.family == family]


def test_one_seed_gives_one_set_and_another_gives_others():
    questions = items(b"one", 550)
    assert questions == items(b"one", 550)
    assert (
        len({item.prompt for item in questions} & {item.prompt for item in items(b"two", 550)}) < 25
    )
    counts = Counter((item.family, item.level) for item in questions)
    assert set(counts) == {(family, level) for family in FAMILIES for level in LEVELS}
    assert set(counts.values()) == {10}


def test_arithmetic_is_what_python_says():
    for item in of("arithmetic"):
        text = re.search(r"What is (.+)\?", item.prompt)[1]
        assert int(item.expected) == eval(text)


def test_programs_print_what_is_expected(capsys):
    for item in of("trace"):
        program = item.prompt.partition("?\n\n")[2].rpartition("\n")[0]
        ast.parse(program)
        exec(program, {})
        assert capsys.readouterr().out.strip() == item.expected


def test_solutions_solve_their_equations():
    for item in of("algebra"):
        x = int(item.expected)
        equations = re.findall(r"(-?\d+)x (?:\+ (\d+)y|\+ (\d+)) = (-?\d+)", item.prompt)
        if item.level <= 1:
            [(a, _, b, right)] = equations
            assert int(a) * x + int(b) == int(right)
        elif item.level == 4:
            b, c = map(int, re.search(r"\+ (-?\d+)x \+ (-?\d+) =", item.prompt).groups())
            assert x * x + b * x + c == 0
        else:
            (a, b, _, p), (c, d, _, q) = equations
            a, b, c, d, p, q = map(int, (a, b, c, d, p, q))
            assert a * d != b * c  # one solution
            assert x == (p * d - b * q) / (a * d - b * c)


def test_chinese_numbers_are_read_by_a_reader_of_their_own():
    units = {"十": 10, "百": 100, "千": 1000}

    def below(text: str) -> int:
        total = digit = 0
        for sign in text:
            if sign in units:
                total += (digit or 1) * units[sign]
                digit = 0
            else:
                digit = "零一二三四五六七八九".index(sign)
        return total + digit

    def read(text: str) -> int:
        for unit, name in ((10**8, "亿"), (10**4, "万")):
            if name in text:
                head, _, rest = text.partition(name)
                return read(head) * unit + (read(rest) if rest else 0)
        return below(text)

    numbers = [i for i in of("translation", 20) if "Chinese number" in i.prompt]
    assert len(numbers) > 20
    for item in numbers:
        text = re.search(r"number (\S+) in digits", item.prompt)[1]
        assert read(text) == int(item.expected), text


def test_dates_are_dates():
    for item in of("translation", 20):
        if match := re.search(r"(\d+)年(\d+)月(\d+)日 as", item.prompt):
            assert date.fromisoformat(item.expected) == date(*map(int, match.groups()))


def test_what_is_to_be_found_is_told_once():
    for item in of("retrieval", 1):
        room = re.search(r"code of room (\S+)\?", item.prompt)[1]
        told = re.findall(rf"The code of room {room} is (\d+)\.", item.prompt)
        assert told == [item.expected]


def test_parcels_end_where_the_chain_leads():
    for item in of("multihop"):
        hands = dict(re.findall(r"(\w+) hands everything on to (\w+)\.", item.prompt))
        holder, times = re.search(r"(\w+) is given a parcel.*on (\d+) time", item.prompt).groups()
        for _ in range(int(times)):
            holder = hands[holder]
        assert holder == item.expected


def right_answer(item: GradedQuestion) -> str:
    if item.grade != "words":
        return item.expected
    rules = json.loads(item.expected)
    filling = "bdfghkmn"  # letters that no rule forbids
    stem = (rules["first"] or "b") + "z" * 4
    return " ".join(stem + filling[n // 8] + filling[n % 8] for n in range(rules["count"]))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_right_answer_is_right_however_it_is_dressed_and_a_wrong_one_is_not(family):
    for item in of(family):
        answer = right_answer(item)
        assert graded(item, answer), (item, answer)
        assert not graded(item, "")
        assert not graded(item, f"{answer}9" if item.grade != "json" else "[]")
        if item.grade == "json":
            assert graded(item, f"Here it is:\n```json\n{answer}\n```")
            continue
        assert graded(item, f"Let me think. 7 and 8.\n\n{answer}\n")
        if item.grade == "line":
            assert graded(item, f"So:\n**Answer: {answer}.**")


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("1,234", True), ("1234.0", True), ("x = 1234", True), ("`1234`", True), ("-1234", False),
        ("1234 5", False), ("12345", False), ("1.234", False), ("−1234", False),
        ("about 1234", False),
    ],
)  # fmt: skip
def test_numbers_are_compared_as_numbers(answer, right):
    item = GradedQuestion(family="arithmetic", level=0, prompt="p", expected="1234")
    assert graded(item, answer) is right


@given(st.text(max_size=400), st.sampled_from(items(b"any", 55)))
def test_no_answer_breaks_the_grading(answer, item):
    assert graded(item, answer) in {True, False}


def test_an_answer_without_end_and_deep_json_are_wrong():
    [item] = [item for item in items(b"any", 55) if item.family == "schema"][:1]
    assert not graded(item, "[" * 19_000)
    assert not graded(item, "x" * 10**6)
