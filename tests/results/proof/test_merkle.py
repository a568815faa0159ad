"""RFC 6962 trees, checked against the published vectors and a second implementation."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from results.proof import merkle
from results.proof.checkpoint import Checkpoint, ed25519_bytes, write
from results.proof.receipt import Receipt, result_entry
from suites.base.errors import CheckError

# The leaves and roots of the Certificate Transparency reference tests (google/certificate-
# transparency, merkle_tree_test.cc), which RFC 6962 implementations share.
LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def hashed(entries):
    return [merkle.leaf_hash(entry) for entry in entries]


def recursive_root(leaves):
    """The definition of RFC 6962, 2.1, word for word: an independent implementation."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    parts = recursive_root(leaves[:k]) + recursive_root(leaves[k:])
    return hashlib.sha256(b"\x01" + parts).digest()


def hashes(leaves, ranges):
    return [recursive_root(leaves[start:end]) for start, end in ranges]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size):
    leaves = hashed(bytes.fromhex(leaf) for leaf in LEAVES[:size])
    assert merkle.root(leaves).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing():
    assert merkle.root([]) == hashlib.sha256(b"").digest()


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_roots_follow_the_definition(entries):
    assert merkle.root(hashed(entries)) == recursive_root(hashed(entries))


@given(st.integers(1, 70), st.data())
def test_every_inclusion_proof_holds_and_holds_for_its_leaf_alone(size, data):
    leaves = hashed(str(i).encode() for i in range(size))
    index = data.draw(st.integers(0, size - 1))
    proof = hashes(leaves, merkle.inclusion_ranges(index, size))
    top = merkle.root(leaves)
    assert merkle.verify_inclusion(leaves[index], index, size, proof, top)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"other"), index, size, proof, top)
    assert not merkle.verify_inclusion(leaves[index], index, size, [*proof, top], top)
    other = data.draw(st.integers(0, size + 3))
    if other != index:
        assert not merkle.verify_inclusion(leaves[index], other, size, proof, top)


@given(st.integers(1, 70), st.data())
def test_every_consistency_proof_holds_and_a_fork_does_not(size, data):
    leaves = hashed(str(i).encode() for i in range(size))
    earlier = data.draw(st.integers(1, size))
    proof = hashes(leaves, merkle.consistency_ranges(earlier, size))
    old, new = merkle.root(leaves[:earlier]), merkle.root(leaves)
    assert merkle.verify_consistency(earlier, old, size, new, proof)
    forked = merkle.root([*leaves[: earlier - 1], merkle.leaf_hash(b"fork")])
    assert not merkle.verify_consistency(earlier, forked, size, new, proof)


@given(st.integers(1, 300), st.data())
def test_a_proof_has_one_length_and_no_other_is_taken(size, data):
    leaves = hashed(str(i).encode() for i in range(size))
    index = data.draw(st.integers(0, size - 1))
    proof = hashes(leaves, merkle.inclusion_ranges(index, size))
    assert merkle.inclusion_length(index, size) == len(proof)
    top = merkle.root(leaves)
    for wrong in (proof[:-1], proof[1:], [*proof, top], [top, *proof]):
        assert wrong == proof or not merkle.verify_inclusion(leaves[index], index, size, wrong, top)
    # The root itself as a leaf of a tree of one, with nothing to prove.
    assert size == 1 or not merkle.verify_inclusion(top, index, size, [], top)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_outside_its_tree_has_no_proof(index, size):
    with pytest.raises(IndexError):
        merkle.inclusion_length(index, size)
    assert not merkle.verify_inclusion(b"", index, size, [], b"")


@pytest.mark.parametrize("cut", [slice(0, -1), slice(1, None)])
def test_a_receipt_of_another_length_is_refused_with_both_numbers(cut):
    signer = CryptoSigner.generate_ed25519()
    digests = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(5)]
    leaves = hashed(result_entry(digest) for digest in digests)
    note = write(Checkpoint(origin="x", size=5, root=merkle.root(leaves)), signer)
    proof = hashes(leaves, merkle.inclusion_ranges(1, 5))
    whole = Receipt(digest=digests[1], index=1, proof=proof, note=note)
    key = [ed25519_bytes(signer.public_key.to_dict())]
    assert whole.verify(key, "receipt").size == 5
    with pytest.raises(CheckError, match=r"has 2 hashes; expected 3 for entry 1 of 5"):
        replace(whole, proof=proof[cut]).verify(key, "receipt")
    with pytest.raises(CheckError, match=r"entry 5 of a log of 5"):
        replace(whole, index=5).verify(key, "receipt")
