"""A receipt proves that a result stands in a log: every part of it is needed."""

from dataclasses import replace

import pytest
from securesystemslib.signer import CryptoSigner

from results.proof import merkle
from results.proof.ledger import Ledger
from results.proof.receipt import Receipt, entered_flags, hashes, plain_result, result_entry
from suites.base.errors import CheckError, UserError

SIGNER = CryptoSigner.generate_ed25519()
KEY = bytes.fromhex(SIGNER.public_key.keyval["public"])
DIGESTS = [f"{number:064x}" for number in range(5)]
FLAGS = ("queueing", "power")


@pytest.fixture(scope="module")
def receipt(tmp_path_factory):
    """Of the third of five entries, which was flagged."""
    log = tmp_path_factory.mktemp("log")
    entries = [result_entry(digest, FLAGS if at == 2 else ()) for at, digest in enumerate(DIGESTS)]
    Ledger(log).extend(entries, origin="log.example", signer=SIGNER)
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    # RFC 6962, 2.1.1: of five leaves, the path of the third is d3, h(d0, d1) and d4.
    path = [leaves[3], merkle.node_hash(leaves[0], leaves[1]), leaves[4]]
    note = (log / "checkpoint").read_bytes()
    return Receipt(digest=DIGESTS[2], index=2, proof=path, note=note, flags=FLAGS)


def test_it_leads_to_the_checkpoint_it_names(receipt):
    checkpoint = receipt.verify([KEY], "a receipt")
    assert (checkpoint.origin, checkpoint.size) == ("log.example", 5)


def test_it_is_read_back_from_json(receipt):
    written = receipt.to_json()
    assert written == {
        "digest": DIGESTS[2],
        "index": 2,
        "proof": [item.hex() for item in receipt.proof],
        "checkpoint": receipt.note.decode(),
        "flags": list(FLAGS),
    }
    assert Receipt.from_json(written, "a receipt") == receipt
    del written["flags"]
    assert Receipt.from_json(written, "a receipt") == replace(receipt, flags=())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"index": 5}, "there: is for entry 5 of a log of 5"),
        ({"index": -1}, "there: is for entry -1 of a log of 5"),
        ({"index": 3}, "there: its proof does not lead to its checkpoint"),
        ({"digest": DIGESTS[3]}, "there: its proof does not lead to its checkpoint"),
        ({"flags": ()}, "there: its proof does not lead to its checkpoint"),
        ({"proof": []}, "there: its proof has 0 hashes; expected 3 for entry 2 of 5"),
    ],
)
def test_a_changed_part_is_refused(receipt, change, why):
    with pytest.raises(CheckError) as caught:
        replace(receipt, **change).verify([KEY], "there")
    assert str(caught.value) == why


def test_another_logs_key_does_not_vouch_for_it(receipt):
    other = bytes.fromhex(CryptoSigner.generate_ed25519().public_key.keyval["public"])
    with pytest.raises(CheckError):
        receipt.verify([other], "there")


@pytest.mark.parametrize("name", ["digest", "index", "proof", "checkpoint"])
def test_what_lacks_a_part_or_has_it_of_another_kind_is_no_receipt(receipt, name):
    written = receipt.to_json()
    for broken in (
        {key: value for key, value in written.items() if key != name},
        {**written, name: None},
    ):
        with pytest.raises(UserError) as caught:
            Receipt.from_json(broken, "there")
        assert str(caught.value) == (
            "there: is not a receipt; expected digest, index, proof, checkpoint"
        )


@pytest.mark.parametrize("items", [["xy"], [None], ["abc"]])
def test_a_hash_that_is_none_is_named(items):
    with pytest.raises(UserError) as caught:
        hashes(items, "there")
    assert str(caught.value) == "there: holds no hash; expected hashes in hex"


def test_flags_of_an_entry_are_texts_of_bounded_length():
    assert entered_flags({}) == ()
    assert entered_flags({"flags": "power"}) == ()
    assert entered_flags({"flags": ["a", 1]}) == ("a", "1")
    assert entered_flags({"flags": ["x" * 33] * 33}) == ("x" * 32,) * 32


@pytest.mark.parametrize(
    ("entry", "digest"),
    [
        (result_entry(DIGESTS[0]), DIGESTS[0]),
        (result_entry(DIGESTS[0], FLAGS), None),
        (b" " + result_entry(DIGESTS[0]), None),
        (result_entry(DIGESTS[0]) + b"\n", None),
        (result_entry(DIGESTS[0][:-1]), None),
        (result_entry(DIGESTS[0]).replace(b"result", b"notice"), None),
    ],
    ids=["plain", "flagged", "a space before", "a line's end", "a short digest", "a notice"],
)
def test_an_entry_of_a_result_alone_needs_no_parser(entry: bytes, digest: str | None):
    assert plain_result(entry) == digest
