"""A checkpoint is written by an Ed25519 key under a name that a note can hold, or not at all."""

import pytest
from securesystemslib.signer import CryptoSigner

from results.proof import checkpoint
from results.proof.checkpoint import Checkpoint
from suites.base.errors import UserError


@pytest.mark.parametrize(
    ("origin", "signer", "line"),
    [
        (
            "a log",
            CryptoSigner.generate_ed25519(),
            (
                "origin: names its log 'a log'; "
                "expected a name without spaces or +, as C2SP signed notes ask for"
            ),
        ),
        (
            "log",
            CryptoSigner.generate_ecdsa(),
            "key: cannot sign a checkpoint; expected an Ed25519 key",
        ),
    ],
)
def test_what_no_note_can_hold_is_said_before_anything_is_signed(origin, signer, line):
    with pytest.raises(UserError) as caught:
        checkpoint.write(Checkpoint(origin=origin, size=0, root=bytes(32)), signer)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (b"log\n1\nAAAA\n\n\xe2\x80\x94 log AAAA\n", "origin, size, root, signatures"),
        (b"log\n01\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 log AAAA\n", "origin, size, root"),
        (b"log\n1\n" + b"A" * 43 + b"=\n\n", "a checkpoint"),
        (b"\xff", "a signed note (C2SP)"),
    ],
)
def test_what_is_no_checkpoint_names_its_file(note, why):
    with pytest.raises(UserError) as caught:
        checkpoint.read(note, "a file")
    assert str(caught.value).startswith("a file: is not a checkpoint")
    assert why in str(caught.value)
