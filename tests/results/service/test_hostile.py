"""Strangers' bytes: no forgery is accepted, nothing breaks, nothing hangs."""

import base64
import json
import os
import random
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from results.bench.mutations import spoiled
from results.proof import envelope
from results.service.problem import Problem
from results.service.store import payload_sha256
from results.service.submission_check import Intake
from suites.base.errors import CheckError, UserError

# `FENMARK_EXAMPLES=100000 pytest -k mutated` was run by hand (docs: proof).
EXAMPLES = int(os.environ.get("FENMARK_EXAMPLES", "300"))
KEY = CryptoSigner.generate_ed25519()
PAYLOAD = json.dumps({"a": [1, 2.5, "x" * 40], "b": {"c": None}}).encode()
SEALED = envelope.sign(PAYLOAD, KEY)


def opened(data):
    """The payload a reader would trust, or None."""
    try:
        return envelope.verify(data, [KEY.public_key], "x").payload
    except UserError:
        return None


@settings(max_examples=2000, deadline=None)
@given(st.integers(0, len(SEALED) - 1), st.integers(0, 255), st.integers(0, 3))
def test_no_changed_byte_gives_another_payload(at, value, cut):
    data = SEALED[:at] + bytes([value]) + SEALED[at + cut :]
    assert opened(data) in {None, PAYLOAD}


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_no_spliced_envelope_gives_another_payload(data):
    parts = json.loads(SEALED)
    other = json.loads(envelope.sign(b'{"other": 1}', KEY))
    texts = st.sampled_from([parts["payload"], other["payload"], "", "e30", parts["payloadType"]])
    kinds = st.sampled_from([parts["payloadType"], "text/plain", "", None, 1])
    signatures = st.lists(
        st.sampled_from([*parts["signatures"], *other["signatures"], {}, None, {"sig": 1}]),
        max_size=3,
    )
    spliced = {
        "payload": data.draw(texts),
        "payloadType": data.draw(kinds),
        "signatures": data.draw(signatures),
    }
    assert opened(json.dumps(spliced).encode()) in {None, PAYLOAD, b'{"other": 1}'}


def test_a_signature_over_the_bare_payload_or_another_type_is_none():
    bare = bytes.fromhex(KEY.sign(PAYLOAD).signature)
    typed = bytes.fromhex(KEY.sign(b"DSSEv1 10 text/plain %d " % len(PAYLOAD) + PAYLOAD).signature)
    for signature in (bare, typed):
        data = json.loads(SEALED)
        data["signatures"][0]["sig"] = base64.b64encode(signature).decode()
        assert opened(json.dumps(data).encode()) is None


def test_a_false_keyid_neither_helps_nor_harms():
    data = json.loads(SEALED)
    data["signatures"][0]["keyid"] = "0" * 64
    assert opened(json.dumps(data).encode()) == PAYLOAD
    forged = json.loads(envelope.sign(PAYLOAD, CryptoSigner.generate_ed25519()))
    forged["signatures"][0]["keyid"] = KEY.public_key.keyid
    assert opened(json.dumps(forged).encode()) is None


def test_a_signature_is_tried_with_the_key_it_names_alone(monkeypatch):
    others = [CryptoSigner.generate_ed25519().public_key for _ in range(20)]
    tried = []
    holds = envelope.ed25519.holds
    monkeypatch.setattr(
        envelope.ed25519, "holds", lambda key, *rest: tried.append(key) or holds(key, *rest)
    )
    data = json.loads(SEALED)
    named = {**data["signatures"][0], "keyid": others[3].keyid}
    data["signatures"] = [named] * 7 + data["signatures"]
    body = json.dumps(data).encode()
    assert envelope.verify(body, [*others, KEY.public_key], "x").payload == PAYLOAD
    assert len(tried) == 8


def test_a_signature_that_names_no_known_key_says_so():
    other = CryptoSigner.generate_ed25519().public_key
    data = json.loads(SEALED)
    for keyid in ("f" * 64, None, 7, {"a": 1}):
        data["signatures"][0]["keyid"] = keyid
        with pytest.raises(CheckError, match=r"^x: is signed by the unknown key '"):
            envelope.verify(json.dumps(data).encode(), [other, KEY.public_key], "x")


def test_both_alphabets_of_base64_are_read():
    payload = b'{"x": "\xc3\xbf\xc3\xbe\xc3\xbf\xc3\xbe>>>???"}'
    data = json.loads(envelope.sign(payload, KEY))
    for part in (data, data["signatures"][0]):
        name = "payload" if "payload" in part else "sig"
        part[name] = part[name].replace("+", "-").replace("/", "_").rstrip("=")
    assert opened(json.dumps(data).encode()) == payload


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def paths(value, at=()):
    yield at
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(inner, (*at, key))


@pytest.fixture
def intake(tmp_path, runners, log_signer):
    from results.service.challenge import Challenges
    from results.service.store import open_store

    with open_store(tmp_path / "data", log_signer) as store:
        yield Intake(folders=[runners], challenges=Challenges.of_key(b"secret"), store=store)


def judged(intake, body):
    try:
        return intake.judge(body)
    except Problem as problem:  # the one way to say no; any other exception is a bug
        return problem


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_no_mutated_envelope_is_accepted_as_another_or_breaks_the_server(intake, sealed, data):
    body = bytearray(sealed())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    outcome = judged(intake, bytes(body))
    if isinstance(outcome, Problem):
        assert 400 <= outcome.status < 500
    else:
        payload = base64.b64decode(json.loads(sealed())["payload"])
        assert outcome.payload_sha256 == payload_sha256(payload)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), value=values)
def test_a_registered_signer_can_break_nothing_with_any_value_anywhere(
    intake, sealed, signer, data, value
):
    statement = json.loads(base64.b64decode(json.loads(sealed())["payload"]))
    where = data.draw(st.sampled_from([path for path in paths(statement) if path]))
    parent = statement
    for key in where[:-1]:
        parent = parent[key]
    parent[where[-1]] = value
    body = envelope.sign(json.dumps(statement).encode(), signer)
    with suppress(Problem):  # the one way to say no; any other exception is a bug
        intake.judge(body)


def test_no_spoiled_envelope_is_the_servers_failure(client, signer):
    chance = random.Random(1)
    answers = [
        client.post("/v1/submissions", content=spoiled(signer, at, chance)) for at in range(90)
    ]
    assert {answer.status_code for answer in answers} <= {200, 201, 400, 403, 422}


def test_every_documented_operation_answers_as_documented(client):
    import schemathesis
    from schemathesis.checks import not_a_server_error

    schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    names = set()
    for operation in schema.get_all_operations():
        endpoint = operation.ok()

        @settings(max_examples=15, deadline=None, derandomize=True)
        @given(case=endpoint.as_strategy())
        def attempt(case):
            case.call_and_validate(checks=[not_a_server_error])

        attempt()
        names.add(endpoint.label)
    assert "POST /v1/submissions" in names
    assert len(names) >= 10
