"""The end of a run says where the machine stands among reported chips, or nothing."""

import pytest

from results.statement.statement import Statement
from runners.measure.report import among_reported
from tests.results import honest


def predicate_of(engine=None, chip=None):
    data = honest.h100()
    data["predicate"]["engines"][0] |= engine or {}
    data["predicate"]["machine"]["chip"] |= chip or {}
    return Statement.model_validate(data).predicate


def test_a_served_model_stands_among_reported_chips_of_its_class():
    told = among_reported(predicate_of())
    # 8 streams ÷ (60 + 127 × 8) ms × 128 tokens
    assert told.startswith("Of models this large at concurrency 8, others report ")
    assert "(h100-sxm)" in told
    assert "here 951.7, place " in told


def test_every_chip_is_counted_but_a_cpu_is_one_machine():
    assert "here 237.9," in among_reported(predicate_of(chip={"count": 4}))
    assert "here 951.7," in among_reported(predicate_of(chip={"count": 4, "kind": "cpu"}))


@pytest.mark.parametrize("engine", [{"model": "qwen2.5-0.5b"}, {"model": "unheard-of"}])
def test_nothing_is_said_where_nothing_compares(engine):
    assert among_reported(predicate_of(engine)) is None
