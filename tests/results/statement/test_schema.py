"""The statement's schemas are published, and what was written with version 1 stays readable."""

import json
from pathlib import Path

import pytest

import results
from results.archive import archive, verification
from results.statement import statement, statement_v2

GOLDEN = Path(__file__).parent / "golden" / "v1"


@pytest.mark.parametrize(("version", "module"), [(1, statement), (2, statement_v2)])
def test_the_published_schema_is_the_one_the_code_has(version, module):
    published = Path(results.__file__).parent / "schema" / f"statement-v{version}.json"
    # python -m results.statement.statement > results/schema/statement-v1.json, and
    # statement_v2 likewise
    assert json.loads(published.read_bytes()) == module.json_schema()


def test_an_archive_of_version_1_verifies_for_ever():
    verdicts = verification.verify(GOLDEN)
    assert [(verdict.signature, verdict.inclusion) for verdict in verdicts] == [(True, True)] * 2
    assert not any(verdict.problems for verdict in verdicts)


def test_a_statement_of_version_1_is_read_with_the_values_it_had():
    read = [archive.open_result(path).statement.predicate for path in archive.envelopes(GOLDEN)]
    values = {item.run.id: item.measurements[0].value for item in read}
    assert values == {"run-1": 42.0, "run-2": 0.001}
