"""Ask a board to register a key, once: asked again, the same registration is asked after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from results.keys import keyfile
from results.proof import notice
from runners.machine.keys import create, default_path, in_use, registration
from runners.submit.submit import connect
from suites.base.errors import CheckError, UserError
from suites.base.files import read_limited, read_text, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from results.keys.identity import Runner
    from runners.submit.submit import LogClient

__all__ = ["ask"]

_SENT = "registration.dsse.json"  # in the folder of what this machine knows of a board


def ask(
    url: str,
    path: Path | None,
    *,
    owner: str,
    contact: str,
    hardware: str,
    recovery: Path | None,
    replaces: Path | None,
    recovers: str,
    valid_until: str,
    id_token: Path | None,
) -> dict[str, Any]:
    """Send a registration of a key, made if it is not there; return what became of it.

    Without an owner it is the one that was sent to this board last.

    Args:
        id_token: file of an identity token that may be enough.

    Keys of the answer: `id`, `keyid`, `runner`, `state`, and `reason` where one was given.

    Raises:
        UserError: a file is not a key, or the words do not fit.
        Unreachable: no answer.
        CheckError: the board turned it away.
    """
    place = path or default_path()
    token = read_text(id_token, expected="an identity token").strip() if id_token else ""
    with connect(url) as board:
        sent = board.home / _SENT
        if not owner and sent.exists():
            made = read_limited(sent)
        else:
            if not place.exists():
                create(place)
            made = registration(
                place,
                owner,
                "",
                hardware=hardware,
                recovery=_public(recovery) if recovery else "",
                replaces=replaces,
                recovers=recovers,
                valid_until=valid_until,
            )
            made = _asked_before(board, made) or made
        body = {"notice": made.decode(), "contact": contact}
        body |= {"id_token": token} if id_token else {}
        told = board.signed(in_use(place).signer, "POST", "/v1/registrations", body)
        told |= board.registration(notice.payload_sha256(made, "the registration"))
        if told.get("state") not in {"pending", "accepted", "refused"}:
            raise CheckError("is not a submission API", where=url, expected="a state")
        _keep(board, made, done=told["state"] == "refused")
    return {name: told.get(name) for name in ("id", "keyid", "runner", "state", "reason")}


def _public(recovery: Path) -> str:
    signer = keyfile.load(recovery) if recovery.exists() else keyfile.create(recovery)
    key = signer.public_key
    if key.keytype != "ed25519":
        raise UserError(f"is of {key.keytype}", where=str(recovery), expected="an Ed25519 key")
    return str(key.keyval["public"])


def _asked_before(board: LogClient, made: bytes) -> bytes | None:
    """Return the registration sent last, if it says the same: it is known by what was signed."""
    place = board.home / _SENT
    if not place.exists():
        return None
    sent = read_limited(place)
    same = _runner(sent, str(place)) == _runner(made, "the registration")
    return sent if same else None


def _keep(board: LogClient, made: bytes, *, done: bool) -> None:
    """Keep what was sent while an answer is due: who was refused may ask anew."""
    if done:
        (board.home / _SENT).unlink(missing_ok=True)
        return
    board.home.mkdir(parents=True, exist_ok=True)
    write_atomically(board.home / _SENT, made)


def _runner(data: bytes, where: str) -> Runner | None:
    return notice.read(data, where).runner
