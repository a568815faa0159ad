"""Forecasts of an archive: `forecasts/<digest>.forecast.json`, entered in its log like results."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from results.archive import archive
from results.keys.identity import runner_id, runner_toml
from results.proof import envelope
from results.proof.ledger import Ledger
from results.statement import strict_json
from results.statement.forecast import Forecast, payload, read_forecast
from suites.base.errors import CheckError, UserError
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from securesystemslib.signer import Key, Signer

    from results.archive.archive import ArchiveContext
    from results.keys.identity import Runner

__all__ = [
    "FOLDER",
    "SUFFIX",
    "LoggedForecast",
    "enter",
    "enter_signed",
    "entry",
    "files",
    "read_all",
]

FOLDER, SUFFIX = "forecasts", ".forecast.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedForecast:
    """A forecast whose signature holds and that the log covers.

    Attributes:
        index: of its entry: results at higher ones came after it.
        runner: id of the key that signed.
        entered: a time, UTC, that its entry came no earlier than by the log's word; empty where
            the log says none.
    """

    digest: str
    index: int
    runner: str
    forecast: Forecast
    entered: str = ""

    @property
    def day(self) -> str:
        """From which on it could not know: its own word, unless the log has a later one."""
        return max(self.forecast.made_at, self.entered)[:10]


def entry(digest: str) -> bytes:
    """The log entry of a forecast."""
    return strict_json.canonical({"forecast": digest, "type": "forecast"})


def enter(
    directory: Path, forecasts: Iterable[Forecast], signer: Signer, log_signer: Signer
) -> list[str]:
    """Sign forecasts, store and log them; return their digests.

    Envelope first, log last, as for results. An equal forecast of the same key is entered once.

    Raises:
        UserError: the folder's log is another key's, or it cannot be written.
        CheckError: a new signature does not verify, or the log is damaged.
    """
    _own_log(directory, log_signer)
    _keep_keys(directory, signer.public_key, log_signer.public_key)
    sealed = [envelope.sign(payload(forecast), signer) for forecast in forecasts]
    return _log(directory, sealed, log_signer)


def enter_signed(source: Path, directory: Path, log_signer: Signer) -> list[str]:
    """Store and log forecasts that somebody signed, with their keys; return their digests.

    They keep their signatures, and count from where this log enters them.

    Raises:
        CheckError: one of them does not verify: none is entered.
        UserError: see `enter`; or there is none.
    """
    around = archive.surroundings(source)

    def refuse(error: UserError) -> None:
        raise error

    logged = read_all(source, refuse, around)
    if not logged:
        raise UserError("holds no forecast", where=str(source), remedy="see `fenmark forecast`")
    _own_log(directory, log_signer)
    signers = {own.runner for own in logged}
    keys = [own.key for own in around.runners if own.id in signers]
    _keep_keys(directory, *keys, log_signer.public_key)
    sealed = [archive.read(_place(source, own.digest)) for own in logged]
    return _log(directory, sealed, log_signer)


def _own_log(directory: Path, log_signer: Signer) -> None:
    """Refuse another key's log before anything is written."""
    head, origin = Ledger(directory / "log").unverified(), archive.log_origin(log_signer)
    if head.size and head.origin != origin:
        raise UserError(
            f"belongs to {head.origin}",
            where=str(directory / "log"),
            expected=origin,
            remedy="only the key that signs a log adds to it",
        )


def _keep_keys(directory: Path, *keys: Key) -> None:
    folder = directory / "runners"
    folder.mkdir(parents=True, exist_ok=True)
    for key in keys:
        place = folder / f"{runner_id(key)}.toml"
        if not place.exists():  # it may say more of its owner than the key
            write_atomically(place, runner_toml(key).encode())


def _log(directory: Path, sealed: Sequence[bytes], log_signer: Signer) -> list[str]:
    """Envelopes first, log last, under one checkpoint."""
    digests = [envelope.digest(data) for data in sealed]
    for folder in (directory / FOLDER, directory / "log"):
        folder.mkdir(parents=True, exist_ok=True)
    for digest, data in zip(digests, sealed, strict=True):
        write_atomically(_place(directory, digest), data)
    ledger = Ledger(directory / "log")
    logged = set(ledger.entries()) if ledger.exists() else set()
    new = [data for data in map(entry, dict.fromkeys(digests)) if data not in logged]
    if new:
        ledger.extend(new, origin=archive.log_origin(log_signer), signer=log_signer)
    return digests


def _place(directory: Path, digest: str) -> Path:
    return directory / FOLDER / f"{digest}{SUFFIX}"


def files(directory: Path) -> list[Path]:
    """The forecasts of an archive, by name."""
    return sorted((directory / FOLDER).glob(f"*{SUFFIX}"))


def read_all(
    directory: Path,
    on_broken: Callable[[UserError], None],
    around: ArchiveContext | None = None,
) -> list[LoggedForecast]:
    """Verify the forecasts of an archive, in the order of its log.

    One that does not verify, or that the log does not cover, hides none of the others.

    Args:
        on_broken: called for each of them.
        around: the archive's keys and log, where somebody has verified them.
    """
    paths = files(directory)
    if not paths:
        return []
    around = around or archive.surroundings(directory)
    if around.places is None:
        on_broken(CheckError(around.problem or "has no log", where=str(directory / "log")))
        return []
    places = {
        data: at for at, data in reversed(list(enumerate(Ledger(directory / "log").entries())))
    }
    logged = []
    for path in paths:
        try:
            logged.append(_logged(path, around.runners, places))
        except UserError as error:
            on_broken(error)
    times = around.times(lambda _: "")
    dated = [replace(own, entered=times[own.index]) for own in logged]
    return sorted(dated, key=lambda own: own.index)


def _logged(path: Path, runners: Sequence[Runner], places: dict[bytes, int]) -> LoggedForecast:
    data = archive.read(path)
    verified = envelope.verify(data, [runner.key for runner in runners], str(path))
    digest = envelope.digest(data)
    if path.name != f"{digest}{SUFFIX}":
        raise CheckError(f"has digest {digest}", where=str(path), expected="the name of the file")
    forecast = read_forecast(verified.payload, str(path))
    index = places.get(entry(digest))
    if index is None:
        raise CheckError("is not in the log", where=str(path), expected="an entry of its digest")
    signer = next(own.id for own in runners if own.key.keyid == verified.key.keyid)
    return LoggedForecast(digest=digest, index=index, runner=signer, forecast=forecast)
