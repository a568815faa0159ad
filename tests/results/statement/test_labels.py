"""A label has one name, one type, one range: version 2 holds to it, version 1 is held to it."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from securesystemslib.signer import CryptoSigner

import leaderboard
import results
from results.archive import archive, verification
from results.checks.labels import label_faults
from results.keys.identity import runner_id
from results.proof import envelope
from results.statement import strict_json
from results.statement.statement import Statement
from results.statement.statement_v2 import StatementV2, read_statement
from results.statement.texts import printable, unprintable
from suites.base import labels
from suites.base.errors import UserError
from suites.base.labels import LABELS
from suites.base.metrics import METRICS
from suites.kernels.backends.work import ITEM_BITS
from tests.builders import RUN_ID, figure, stated

PUBLISHED = Path(results.__file__).parent / "public"
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((Path(results.__file__).parent / "schema" / "statement-v2.json").read_bytes())
)
# Spelled out here, not taken from the code: what a terminal obeys.
OBEYED = [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
LINES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=256)


def good(label):
    if label.choices:
        return st.sampled_from(label.choices)
    return {
        "boolean": st.booleans(),
        "whole": st.integers(math.ceil(label.least), math.floor(label.most)),
        "number": st.floats(label.least, label.most) | st.integers(0, 1),
        "text": LINES,
    }[label.type]


def wrong(label):
    """Values of another type, or out of range."""
    if label.choices:
        return st.sampled_from(["", "other", label.choices[0] + " ", 1, True, 0.5])
    below, above = label.least - 1, max(2 * label.most, 10 * label.most)
    numbers = [below, above, 1e300, -1e300, math.nan, math.inf, -math.inf]
    texts = ["", "1", "p50", "true", "a" * 256]
    return st.sampled_from(
        {
            "boolean": [0, 1, 1.0, *texts],
            "whole": [True, False, 1.0, 1.5, *texts, *numbers],
            "number": [True, False, *texts, *numbers],
            "text": [True, 1, 0.5, "a" * 257, "a\nb", "\x1b[31m", "a\u202eb", "\x9b"],
        }[label.type]
    )


def named(strategy):
    return st.sampled_from(sorted(LABELS)).flatmap(
        lambda name: strategy(LABELS[name]).map(lambda value: (name, value))
    )


def signed(value, signer):
    return envelope.sign(strict_json.canonical(value), signer)


def parsed(value):
    return envelope.parse(strict_json.canonical(value), "x")


def field_of(value):
    """Field that the reading of a statement complains of; None where it reads."""
    try:
        read_statement(value)
    except ValidationError as error:
        return ".".join(map(str, error.errors()[0]["loc"]))
    return None


@given(st.fixed_dictionaries({}, optional={name: good(label) for name, label in LABELS.items()}))
def test_any_labels_of_the_registry_come_back_as_they_were(chosen):
    for version in (1, 2):
        value = stated(figure(labels=chosen), version=version)
        read = parsed(value)
        assert read.predicate.measurements[0].labels == chosen
        assert read.to_json()["predicate"]["measurements"][0]["labels"] == chosen
        assert label_faults(read.predicate) == []
    assert SCHEMA.is_valid(value)


@given(named(wrong))
def test_a_value_that_is_not_its_labels_is_refused_by_version_2_and_found_in_version_1(label):
    name, value = label
    figures = [figure(), figure(), figure(), figure(labels={"batch": 1, name: value})]
    refused = stated(*figures)
    assert field_of(refused) == f"predicate.measurements.3.labels.{name}"
    if not (isinstance(value, float) and (not math.isfinite(value) or value.is_integer())):
        # In JSON there is no such number, and 1.0 is 1.
        assert not SCHEMA.is_valid(refused)
    if isinstance(value, str) and len(value) > 256:
        return  # version 1 bounds texts itself

    if value == "a" * 257:
        return  # version 1 bounds every text itself
    [fault] = label_faults(Statement.model_validate(stated(*figures, version=1)).predicate)
    assert (fault.rule, fault.outcome) == ("labels", "refused")
    assert fault.where == f"measurements.3.labels.{name}"
    assert LABELS[name].expected in fault.reason
    assert fault.reason.isascii() or "−" in fault.reason
    assert len(fault.reason) < 250


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("isl", [1, 100_000_000], [0, 100_000_001, 128.0]),
        ("osl", [1, 100_000_000], [0, 100_000_001]),
        ("context", [1, 100_000_000], [0, 100_000_001]),
        ("batch", [1, 10_000_000], [0, 10_000_001]),
        ("concurrency", [1, 10_000_000], [0, 10_000_001]),
        ("rate", [0, 0.5, 1e15], [-1e-9, 1.1e15]),
        ("percentile", [0, 50, 99.9, 100], [-0.1, 100.1]),
        ("shared_prefix", [0, 1], [1.01]),
        ("process", [0], [-1]),
        ("engine_difference_ms", [-3.5, 3.5], ["-3.5"]),
        ("bytes", [0, 2**53 - 1], [-1, 2.5]),
        ("valid", [True, False], [0, 1, "true"]),
        ("arrival", ["poisson", "constant", "burst"], ["Poisson", ""]),
        ("cache", ["hot", "cold"], ["warm"]),
        ("scope", ["chip", "package", "node", "wall"], ["rack"]),
        ("model", ["", "a" * 256, "名"], ["a" * 257, None]),
    ],
)
def test_where_a_label_ends(name, accepted, refused):
    def holds(value):
        return field_of(stated(figure(labels={name: value}))) is None

    assert all(map(holds, accepted))
    assert not any(map(holds, refused))


def test_the_line_of_a_refused_label_names_file_field_and_version():
    with pytest.raises(UserError) as caught:
        parsed(stated(figure(labels={"isl": True})))
    line = str(caught.value)
    assert line.startswith("x:predicate.measurements.0.labels.isl: ")
    assert "version 2" in line


def test_every_mistyped_label_is_found_and_one_that_nobody_reads_is_none():
    figures = [figure(labels={"isl": True, "osl": "64", "of_my_own": True}), figure()]
    figures.append(figure(labels={"percentile": "p99"}))
    faults = label_faults(Statement.model_validate(stated(*figures, version=1)).predicate)
    places = [fault.where for fault in faults]
    assert places == [
        "measurements.0.labels.isl",
        "measurements.0.labels.osl",
        "measurements.2.labels.percentile",
    ]
    assert field_of(stated(figures[0])) is not None
    assert field_of(stated(figure(labels={"of_my_own": 1}))) == (
        "predicate.measurements.0.labels.of_my_own"
    )


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"unit": "s"}, "unit"),
        ({"metric": "speed"}, "metric"),
        ({"suite": "mine"}, "suite"),
        ({"case": ""}, "case"),
        ({"case": "a" * 257}, "case"),
        ({"value": True}, "value"),
        ({"n": True}, "n"),
    ],
)
def test_a_figure_is_a_metric_of_the_registry_in_its_unit(change, where):
    wrong = stated(figure(**change))
    assert field_of(wrong) == f"predicate.measurements.0.{where}"
    assert not SCHEMA.is_valid(wrong)
    assert field_of(stated()) is None


def test_each_metric_is_read_in_its_own_unit_and_in_no_other():
    units = {metric.unit for metric in METRICS.values()}
    for metric in METRICS.values():
        for unit in units:
            value = stated(figure(metric=metric.name, unit=unit))
            assert (field_of(value) is None) == SCHEMA.is_valid(value) == (unit == metric.unit)


@pytest.mark.parametrize(
    ("run", "where"),
    [
        ({"id": "run-1"}, "id"),
        ({"id": RUN_ID.upper().replace("0", "A")}, "id"),
        ({"id": "../" + RUN_ID}, "id"),
        ({"suites": ["mine"]}, "suites.0"),
        ({"suites": []}, "suites"),
        ({"suites": ["attested", "serving"]}, "suites"),
        ({"suites": ["attested", "attested"]}, "suites"),
    ],
)
def test_a_run_has_a_uuid_and_suites_that_there_are(run, where):
    assert field_of(stated(**run)) == f"predicate.run.{where}"
    assert not SCHEMA.is_valid(stated(**run))
    assert field_of(stated(version=1, **run)) is None or run == {"suites": []}


@pytest.mark.parametrize("method", ["measured", "modelled", "reported"])
def test_what_another_harness_measured_is_reported_and_nothing_else(method):
    item = figure(suite="attested", method=method)
    value = stated(item, suites=["attested"])
    where = None if method == "reported" else "predicate.measurements.0.method"
    assert field_of(value) == where
    assert SCHEMA.is_valid(value) == (where is None)


@pytest.mark.parametrize(("kind", "number"), [(1, 2), (2, 1)])
def test_a_statement_of_one_version_does_not_pass_for_another(kind, number):
    value = stated(version=kind)
    value["predicate"]["schema_version"] = number
    assert field_of(value) == "predicateType"


@pytest.mark.parametrize("version", [True, 2.0, "2", None, [2]])
def test_a_version_is_a_whole_number(version):
    value = stated()
    value["predicate"]["schema_version"] = version
    assert field_of(value) is not None


def filled():
    """A statement with every kind of text in it, names of members too."""
    value = stated(
        figure(labels={"model": "m"}),
        options={"sweep": "text", "backend": ["numpy"]},
        plan={"name": "p", "sha256": "0" * 64, "cell": "c"},
    )
    predicate = value["predicate"]
    predicate["machine"] |= {"container": "docker", "conditions": {"governor": "performance"}}
    predicate["machine"]["chip"]["features"] = ["avx2"]
    predicate["software"] |= {"packages": {"numpy": "2"}, "environment": {"LANG": "C"}}
    predicate["engines"] = [
        {
            "name": "e", "version": "1", "model": "m", "weights_sha256": None,
            "weights": "random", "precision": "q8_0", "flags": {"--dtype": "auto"},
        }
    ]  # fmt: skip
    predicate["meters"] = [{"name": "nvml", "scope": "chip", "method": "model", "note": "n"}]
    predicate["warnings"] = ["w"]
    return value


def places_of(value, place=()):
    """Every text, and every table a name can be put into."""
    match value:
        case str():
            yield place
        case dict():
            yield place
            for name, inner in value.items():
                yield from places_of(inner, (*place, name))
        case list():
            for at, inner in enumerate(value):
                yield from places_of(inner, (*place, at))


PLACES = list(places_of(filled()))


def spoiled(value, place, character):
    """Put a character into the text there, or a name that holds it into the table."""
    value = copy.deepcopy(value)
    *way, last = place or (None,)
    inside = value
    for step in way:
        inside = inside[step]
    if not place:
        value[character] = "x"
    elif isinstance(inside[last], dict):
        inside[last][character] = "x"
    else:
        inside[last] += character
    return value


@given(st.sampled_from(PLACES), st.sampled_from(OBEYED).map(chr))
def test_no_text_of_version_2_holds_what_a_terminal_obeys(place, character):
    assert field_of(filled()) is None
    value = spoiled(filled(), place, character)
    of_a_file = place == ("predicate", "run", "options", "sweep") and character in "\t\n\r"
    assert (field_of(value) is None) == of_a_file
    assert SCHEMA.is_valid(value) == of_a_file
    assert unprintable(printable(value)) is None


@given(st.text(max_size=300))
def test_what_a_driver_says_can_be_signed_once_it_is_printable(text):
    value = filled()
    value["predicate"]["machine"]["chip"]["name"] = text[:256] or "x"
    value["predicate"]["run"]["options"]["sweep"] = text
    read = StatementV2.model_validate(printable(value))
    kept = read.predicate.machine.chip.name
    assert kept == "".join(
        " " if ord(character) in OBEYED or character in "\u2028\u2029" else character
        for character in text[:256] or "x"
    )
    assert ("\n" in read.predicate.run.options["sweep"]) == ("\n" in text)


def test_the_published_results_and_the_golden_ones_have_no_fault():
    golden = Path(__file__).parent / "golden" / "v1"
    files = [*archive.envelopes(PUBLISHED), *archive.envelopes(golden)]
    assert len(files) >= 6
    seen = set()
    for file in files:
        predicate = archive.open_result(file).predicate
        assert label_faults(predicate) == []
        seen |= {name for item in predicate.measurements for name in item.labels}
    assert seen <= LABELS.keys()
    assert len(seen) > 30


def test_a_kernels_dtypes_are_those_that_can_be_stated():
    assert LABELS["dtype"].choices == tuple(ITEM_BITS)


def test_the_page_of_labels_is_the_codes_own():
    written = Path(leaderboard.__file__).parent / "docs" / "labels.md"
    assert written.read_text() == labels.page(), "run `python -m suites.base.labels` into the page"


def test_verification_says_which_label_is_wrong(tmp_path):
    value = stated(figure(labels={"isl": True}), version=1)
    signer = CryptoSigner.generate_ed25519()
    archive.accept(tmp_path, envelope.encode(Statement.model_validate(value)), signer)
    [verdict] = verification.verify(tmp_path)
    refused = [finding.where for finding in verdict.findings if finding.outcome == "refused"]
    assert refused == ["measurements.0.labels.isl"]
    assert verdict.problems


@pytest.mark.parametrize("value", [True, "128", -1, 0, 1.5, 10**15])
def test_a_log_takes_no_mistyped_label_in_any_version(client, sealed, signer, value):
    def spoil(data):
        data["predicate"]["measurements"][0]["labels"]["isl"] = value

    answer = client.post("/v1/submissions", content=sealed(change=spoil))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert (error["rule"], error["field"]) == ("labels", "measurements.0.labels.isl")

    newer = stated(runner=runner_id(signer.public_key))
    spoil(newer)
    answer = client.post("/v1/submissions", content=signed(newer, signer))
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["field"] == "predicate.measurements.0.labels.isl"


def test_a_log_takes_a_result_of_version_2(client, signer):
    value = stated(runner=runner_id(signer.public_key))
    assert client.post("/v1/submissions", content=signed(value, signer)).status_code == 201
