"""The log on disk: tiles, proofs from tiles alone, and no way back or sideways."""

import shutil

import pytest
from securesystemslib.signer import CryptoSigner

from results.archive import archive, verification
from results.proof import envelope, merkle, tiles
from results.proof.ledger import Ledger
from suites.base.errors import CheckError, UserError

ORIGIN = "fenmark.local/test"
SIZE = 70_000  # three levels of tiles: 256 * 256 = 65,536


def entry(index):
    return b"entry %d" % index


@pytest.fixture(scope="module")
def long_log(tmp_path_factory, signer):
    ledger = Ledger(tmp_path_factory.mktemp("long"))
    for start, end in [(0, 1), (1, 255), (255, 300), (300, SIZE)]:
        items = [entry(index) for index in range(start, end)]
        assert ledger.extend(items, origin=ORIGIN, signer=signer) == start
    return ledger


def public(signer):
    return bytes.fromhex(signer.public_key.to_dict()["keyval"]["public"])


def test_a_long_log_has_the_tiles_of_the_specification(long_log):
    tile = long_log.home / "tile"
    assert (tile / "0/000").stat().st_size == 256 * 32
    assert (tile / "0/273.p/112").stat().st_size == 112 * 32  # 70,000 = 273 * 256 + 112
    assert (tile / "1/001.p/17").stat().st_size == 17 * 32
    assert (tile / "2/000.p/1").stat().st_size == 32


def test_a_long_log_verifies_and_every_entry_is_there(long_log, signer):
    checkpoint = long_log.verify([public(signer)])
    assert checkpoint.size == SIZE
    leaves = [merkle.leaf_hash(item) for item in long_log.entries()]
    assert leaves == [merkle.leaf_hash(entry(index)) for index in range(SIZE)]
    assert checkpoint.root == merkle.root(leaves)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 65_535, 65_536, SIZE - 1])
def test_an_entry_is_proved_from_tiles_alone(long_log, index):
    proved = long_log.prove(index)
    leaf, top = merkle.leaf_hash(entry(index)), proved.checkpoint.root
    assert merkle.verify_inclusion(leaf, index, SIZE, proved.proof, top)


@pytest.mark.parametrize("earlier", [1, 255, 256, 300, 65_536, 65_537, SIZE])
def test_growth_is_proved_from_tiles_alone(long_log, earlier):
    checkpoint, proof = long_log.unverified(), long_log.prove_consistency(earlier, SIZE)
    old = merkle.root([merkle.leaf_hash(entry(index)) for index in range(earlier)])
    assert merkle.verify_consistency(earlier, old, SIZE, checkpoint.root, proof)


def partial_folders(ledger):
    return sorted(path.relative_to(ledger.home).as_posix() for path in ledger.home.rglob("*.p"))


def test_partial_tiles_go_when_the_full_one_is_there(long_log):
    kept = ["tile/0/273.p", "tile/1/001.p", "tile/2/000.p", "tile/entries/273.p"]
    assert partial_folders(long_log) == kept


@pytest.mark.parametrize("size", [1, 255, 300])
def test_what_a_removed_tile_held_is_cut_from_the_full_one(long_log, size):
    leaves = [merkle.leaf_hash(entry(index)) for index in range(size)]
    root, [proof] = long_log.prove_at([size - 1], size)
    assert root == merkle.root(leaves)
    assert merkle.verify_inclusion(leaves[-1], size - 1, size, proof, root)
    entries = tiles.entries(long_log.tile, size)
    assert [merkle.leaf_hash(item) for item in entries] == leaves


def test_a_damaged_full_tile_gives_no_partial_one(tmp_path, signer):
    ledger = Ledger(tmp_path)
    ledger.extend([entry(index) for index in range(300)], origin=ORIGIN, signer=signer)
    for name in ("entries/000", "0/000"):
        (tmp_path / "tile" / name).write_bytes(b"\0\1x")
    with pytest.raises(CheckError, match="expected 256"):
        ledger.tile("tile/entries/000.p/7")
    with pytest.raises(CheckError, match="is 3 bytes; expected 224"):
        ledger.prove_at([0], 7)


def test_a_partial_tile_stays_until_the_disk_has_the_full_one(tmp_path, signer):
    ledger = Ledger(tmp_path)
    ledger.extend([entry(index) for index in range(250)], origin=ORIGIN, signer=signer)
    ledger.settle()
    more = [entry(index) for index in range(250, 300)]
    ledger.extend(more, origin=ORIGIN, signer=signer, settle=False)
    assert "tile/0/000.p" in partial_folders(ledger)
    for lost in ("tile/0/000", "tile/entries/000", "tile/0/001.p/44", "tile/1/000.p/1"):
        (tmp_path / lost).write_bytes(b"")  # the power went
    cut = Ledger(tmp_path)
    cut.rewind()
    assert cut.extend(more, origin=ORIGIN, signer=signer, settle=False) == 250
    assert cut.verify([public(signer)]).size == 300
    cut.settle()
    assert partial_folders(cut) == ["tile/0/001.p", "tile/1/000.p", "tile/entries/001.p"]


@pytest.fixture
def grown(tmp_path, statement, signer):
    """An archive of three results, and the checkpoint it had with two."""
    home = tmp_path / "grown"
    for number in range(3):
        archive.accept(home, envelope.encode(statement(f"run-{number}")), signer)
        if number == 1:
            shutil.copytree(home, tmp_path / "then")
    return home, tmp_path / "then"


def problems(home, earlier):
    verdicts = verification.verify(home, earlier / "log" / "checkpoint")
    return {line for verdict in verdicts for line in verdict.problems}


def test_a_log_that_grew_extends_its_earlier_checkpoint(grown):
    now, then = grown
    assert problems(now, then) == set()
    assert problems(then, then) == set()


def test_a_log_that_was_rolled_back_is_found_out(grown):
    now, then = grown
    [problem] = problems(then, now)
    assert "rolled back to 2 entries" in problem


def test_a_log_that_was_forked_is_found_out_though_its_key_signed_it(
    grown, tmp_path, statement, signer
):
    _, then = grown
    fork = tmp_path / "fork"
    for name in ["run-0", "another", "run-2"]:
        archive.accept(fork, envelope.encode(statement(name)), signer)
    assert not any(verdict.problems for verdict in verification.verify(fork))
    [problem] = problems(fork, then)
    assert "forked" in problem


def test_another_logs_checkpoint_proves_nothing(grown, tmp_path, statement):
    now, _ = grown
    other = tmp_path / "other"
    archive.accept(other, envelope.encode(statement()), CryptoSigner.generate_ed25519())
    [problem] = problems(now, other)
    assert "no signature verifies the checkpoint" in problem


def test_a_log_is_signed_by_the_key_its_origin_names_and_by_no_other(tmp_path, statement, signer):
    home = tmp_path / "home"
    archive.accept(home, envelope.encode(statement()), signer)
    thief = CryptoSigner.generate_ed25519()
    archive.accept(tmp_path / "thief", envelope.encode(statement()), thief)
    for path in (tmp_path / "thief" / "runners").iterdir():
        shutil.copy(path, home / "runners")
    ledger = Ledger(home / "log")
    ledger.extend([b"{}"], origin=ledger.unverified().origin, signer=thief)
    assert any(
        "no signature verifies" in line for v in verification.verify(home) for line in v.problems
    )


@pytest.mark.parametrize("origin", ["", "a log", "a\tlog", "a\nlog", "a\u2003log", "a+log"])
def test_a_log_whose_name_no_note_can_hold_is_neither_written_nor_read(tmp_path, signer, origin):
    ledger = Ledger(tmp_path)
    with pytest.raises(UserError, match=r"^origin: names its log .*; expected a name without"):
        ledger.extend([b"one"], origin=origin, signer=signer)
    assert list(tmp_path.iterdir()) == []
    ledger.extend([b"one"], origin=ORIGIN, signer=signer)
    note = ledger.checkpoint_file.read_text()
    if "\n" not in origin:
        ledger.checkpoint_file.write_text(note.replace(ORIGIN, origin))
        with pytest.raises(UserError, match="names its log"):
            ledger.unverified()


def test_a_log_with_a_damaged_edge_takes_no_entry(tmp_path, signer):
    ledger = Ledger(tmp_path)
    ledger.extend([b"one", b"two"], origin=ORIGIN, signer=signer)
    (tmp_path / "tile/0/000.p/2").write_bytes(b"\0" * 64)
    with pytest.raises(CheckError, match="do not match the checkpoint"):
        Ledger(tmp_path).extend([b"three"], origin=ORIGIN, signer=signer)


def test_a_log_that_another_key_signed_names_its_checkpoint(tmp_path, signer):
    ledger = Ledger(tmp_path / "log")
    ledger.append(b"x", origin=ORIGIN, signer=signer)
    with pytest.raises(CheckError) as caught:
        ledger.verify([public(CryptoSigner.generate_ed25519())])
    assert str(caught.value).startswith(f"{tmp_path / 'log' / 'checkpoint'}: ")
