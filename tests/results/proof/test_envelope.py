"""An envelope that is none, or is signed by nobody known, is refused in one line that says all."""

import base64
import json

import pytest
from securesystemslib.signer import CryptoSigner

from results.proof import envelope
from results.statement import strict_json
from suites.base.errors import CheckError, UserError

SIGNER = CryptoSigner.generate_ed25519()
SEALED = json.loads(envelope.sign(b"{}", SIGNER))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"payload": None},
            "a file: is not a DSSE envelope; expected payload, payloadType, signatures",
        ),
        (
            {"payloadType": "text/plain"},
            "a file:payloadType: holds 'text/plain'; expected application/vnd.in-toto+json",
        ),
        ({"payload": "&"}, "a file:payload: is not base64; expected base64"),
        ({"signatures": []}, "a file:signatures: holds 0 signatures; expected 1 to 8"),
        (
            {"signatures": SEALED["signatures"] * 9},
            "a file:signatures: holds 9 signatures; expected 1 to 8",
        ),
        (
            {"signatures": [*SEALED["signatures"], "none"]},
            "a file:signatures[1]: is not a signature; expected an object with sig",
        ),
        (
            {"signatures": [{"sig": "&"}]},
            "a file:signatures[0].sig: is not base64; expected base64",
        ),
    ],
)
def test_what_is_no_envelope_is_said_with_its_field(change, line):
    with pytest.raises(UserError) as caught:
        envelope.verify(strict_json.canonical(SEALED | change), [SIGNER.public_key], "a file")
    assert str(caught.value) == line


def test_a_signature_of_a_key_nobody_knows_names_the_key_and_the_file():
    others = [CryptoSigner.generate_ed25519().public_key for _ in range(2)]
    with pytest.raises(CheckError) as caught:
        envelope.verify(strict_json.canonical(SEALED), others, "a file")
    assert str(caught.value) == (
        f"a file: is signed by the unknown key '{SIGNER.public_key.keyid}'; expected a key in "
        "runners/ or in the catalogue; its key file is missing, or names another key"
    )


def test_a_payload_that_was_changed_is_no_longer_signed():
    changed = SEALED | {"payload": "e30K"}  # the same object and a line feed
    with pytest.raises(CheckError) as caught:
        envelope.verify(strict_json.canonical(changed), [SIGNER.public_key], "a file")
    assert str(caught.value) == (
        "a file: no signature verifies; expected a signature by the key it names; "
        "the file was changed since it was signed"
    )


@pytest.mark.parametrize("count", [1, 8])
def test_one_to_eight_signatures_are_read(count):
    data = strict_json.canonical(SEALED | {"signatures": SEALED["signatures"] * count})
    assert envelope.verify(data, [SIGNER.public_key], "a file").payload == b"{}"


def test_a_statement_of_a_later_schema_says_which_are_read():
    with pytest.raises(UserError) as caught:
        envelope.parse(b'{"predicate": {"schema_version": 3}}', "a file")
    assert str(caught.value) == (
        "a file:predicate.schema_version: schema version 3; expected 1 or 2; "
        "a newer Fenmark may read it"
    )


def test_the_alphabet_of_addresses_is_read_too():
    """DSSE asks a verifier to take both; these bytes need every letter they differ in."""
    payload = bytes([0xFB, 0xEF, 0xBE, 0xFF, 0xFF, 0xFF])
    data = json.loads(envelope.sign(payload, SIGNER))
    assert data["payload"] == "++++////"
    spelled = data | {"payload": base64.urlsafe_b64encode(payload).decode()}
    verified = envelope.verify(strict_json.canonical(spelled), [SIGNER.public_key], "a file")
    assert verified.payload == payload


@pytest.mark.parametrize("version", [1, 2])
def test_what_does_not_fit_a_schema_says_which(version):
    with pytest.raises(UserError) as caught:
        envelope.parse(b'{"predicate": {"schema_version": %d}}' % version, "a file")
    assert str(caught.value).endswith(f"; expected the schema of version {version}")
