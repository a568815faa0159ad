"""Several processes that take HTTP beside the one that orders: `fenmark serve --processes N`.

Each front reads HTTP, verifies and checks what is submitted, and answers what only reads the store.
The sequencer has the store open: candidates reach it over a pipe, and whatever else is asked over
a Unix socket, as plain HTTP. What a front knows of keys is read again when the sequencer says so,
and held once more to the log when the candidate arrives.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from sqlalchemy.exc import OperationalError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from results.keys import keyfile
from results.service.api.app import create_front
from results.service.api.problems import SAFETY, answer
from results.service.api.writing import read_body
from results.service.challenge import Challenges
from results.service.connections import STOP_WITHIN_S, for_long
from results.service.faults import database_fault
from results.service.logs import write_line
from results.service.problem import Problem
from results.service.request import MOST_BYTES
from results.service.store import following
from results.service.submission_check import Intake
from suites.base.errors import CheckError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence
    from ctypes import c_ulonglong
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    import httpx
    from starlette.types import ASGIApp, Receive, Scope, Send

    from results.service.api.middleware import Frame
    from results.service.insert import Candidate
    from results.service.limits import SenderLimits
    from results.service.store import Stored

__all__ = ["FrontSettings", "serve_behind"]

_LOG = logging.getLogger(__name__)
_SPAWN = multiprocessing.get_context("spawn")
_COUNTS_EVERY_S = 1.0
# What a front answers itself; the rest is the sequencer's.
_OWN = (
    "/v1/submissions",
    "/v1/results",
    "/v1/samples/",
    "/v1/tile/",
    "/v1/checkpoint",
    "/v1/cosigned",
    "/v1/consistency/",
    "/v1/challenge",
    "/v1/key",
)
_PEER = b"x-fenmark-peer"
# Of one connection alone; the server sets date and lengths itself.
_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te", b"expect"}
_NOT_SENT = {*_HOP, b"content-length", _PEER}
_NOT_ANSWERED = {*_HOP, b"date", b"server"}
_STOP = "stop"
_COUNTED = ("answered", "outcomes", "refused", "broken", "flagged")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontSettings:
    """What a front needs to read along.

    Attributes:
        data: folder of the store, with the log's key in `log.pem`.
        url: of the database, as given to `serve`.
        folders: of key files.
    """

    data: Path
    url: str | None
    folders: Sequence[Path]
    limits: SenderLimits


def serve_behind(
    frame: Frame, fronts: int, settings: FrontSettings, listener: socket.socket, shown: str
) -> None:
    """Order what fronts send, until SIGTERM or Ctrl-C; one line on stdout when they listen.

    Args:
        frame: the application over the open store.
        listener: the socket that the fronts accept from.
        shown: where that is.

    Raises:
        CheckError: a front ended by itself.
    """
    with tempfile.TemporaryDirectory(prefix="fenmark-") as folder:
        place = str(Path(folder) / "sequencer")
        changes = _SPAWN.RawValue("Q", 0)
        sequencer = _Sequencer(frame)
        frame.service.intake.announce = _announcing(changes)
        for _ in range(fronts):
            sequencer.add(settings, listener, place, changes)

        class SequencerServer(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                await sequencer.start()
                print(f"listening on {shown}", flush=True)

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                await asyncio.to_thread(sequencer.stop)  # what they accepted is still ordered
                await super().shutdown(sockets)

        server = SequencerServer(for_long(_Behind(frame), settings.limits, SAFETY, uds=place))
        sequencer.when_lost = partial(setattr, server, "should_exit", True)
        try:
            server.run()
        finally:
            sequencer.stop()
    if sequencer.lost:
        raise CheckError("a process that takes requests ended by itself", where="--processes")


def _announcing(changes: c_ulonglong) -> Callable[[], None]:
    """Return what says that the log says more; without a lock that a killed front could hold."""
    alone = threading.Lock()

    def announce() -> None:
        with alone:
            changes.value += 1

    return announce


@dataclass(slots=True)
class _Sequencer:
    """The fronts' pipes, and what comes out of them.

    Attributes:
        lost: a front ended though nobody had stopped it.
        when_lost: called then.
    """

    frame: Frame
    lost: bool = False
    when_lost: Callable[[], None] = lambda: None
    _fronts: list[tuple[BaseProcess, Connection]] = field(default_factory=list)
    _stopping: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def add(
        self,
        settings: FrontSettings,
        listener: socket.socket,
        place: str,
        changes: c_ulonglong,
    ) -> None:
        pipe, front_end = _SPAWN.Pipe()
        process = _SPAWN.Process(
            target=_front, args=(settings, listener, place, front_end, changes), daemon=True
        )
        process.start()
        front_end.close()
        self._fronts.append((process, pipe))

    async def start(self) -> None:
        """Wait until every front listens; then take from them.

        Raises:
            CheckError: one ended instead.
        """
        loop = asyncio.get_running_loop()
        for _, pipe in self._fronts:
            try:
                await asyncio.to_thread(pipe.recv)
            except EOFError as error:
                raise CheckError("a process did not start", where="--processes") from error
            threading.Thread(target=self._receive, args=(pipe, loop), daemon=True).start()

    def stop(self) -> None:
        """Let the fronts answer what they accepted, and end."""
        self._stopping = True
        for _, pipe in self._fronts:
            with suppress(OSError):
                pipe.send(_STOP)
        for process, _ in self._fronts:
            process.join(STOP_WITHIN_S + 10)
            process.kill()

    def _receive(self, pipe: Connection, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(EOFError, OSError):
            while True:
                loop.call_soon_threadsafe(self._handle, pipe, pipe.recv())
        if not self._stopping:
            self.lost = True
            self.when_lost()

    def _handle(self, pipe: Connection, message: Any) -> None:
        if isinstance(message, dict):
            for name, counts in message.items():
                getattr(self.frame.service, name).update(counts)
            return
        task = asyncio.create_task(self._take(pipe, *message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, pipe: Connection, number: int, candidate: Candidate, size: int) -> None:
        outcome: Stored | Exception
        service, loop = self.frame.service, asyncio.get_running_loop()
        try:
            await loop.run_in_executor(service.judging, service.intake.judged_elsewhere, candidate)
            outcome = await service.taker.take(candidate, size)
        except Exception as error:  # noqa: BLE001 - its front answers with it
            outcome = _passable(error)
        with suppress(OSError):
            pipe.send((number, outcome))


def _passable(error: Exception) -> Exception:
    """Return an error that another process can be told."""
    if isinstance(error, Problem | OSError):
        return error
    if isinstance(error, OperationalError):
        return database_fault(error)
    _LOG.error("while ordering", exc_info=error)
    return RuntimeError(type(error).__name__)


@dataclass(slots=True)
class _Behind:
    """The sequencer's application, for fronts alone: they say whose request it is."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(name, value) for name, value in scope["headers"] if name != _PEER]
            peer = next((value for name, value in scope["headers"] if name == _PEER), b"")
            scope = {**scope, "headers": headers, "client": (peer.decode("ascii"), 0)}
        await self.app(scope, receive, send)


def _front(
    settings: FrontSettings,
    listener: socket.socket,
    place: str,
    pipe: Connection,
    changes: c_ulonglong,
) -> None:
    """Serve until the sequencer says so, or is gone: signals to the group are its to answer."""
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, signal.SIG_IGN)
    signer = keyfile.load(settings.data / "log.pem")
    with following(settings.data, signer, url=settings.url) as store:
        intake = Intake(
            folders=settings.folders,
            challenges=Challenges.of_key(signer.private_bytes),
            store=store,
            heard=lambda: changes.value,
        )
        intake.runners()
        remote = _Remote(pipe)
        frame = create_front(intake, signer.public_key, remote, settings.limits, write_line)
        app = _Front(frame, place)

        class FrontServer(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                remote.start(self)
                app.start(pipe)
                pipe.send("listening")

            @contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield

        FrontServer(for_long(app, settings.limits, SAFETY)).run(sockets=[listener])
        app.tell(pipe)


@dataclass(slots=True)
class _Remote:
    """Has candidates taken by the sequencer."""

    pipe: Connection
    _numbers: Iterator[int] = field(default_factory=count)
    _waiting: dict[int, asyncio.Future[Stored]] = field(default_factory=dict)

    async def take(self, candidate: Candidate, size: int) -> Stored:
        number = next(self._numbers)
        done: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting[number] = done
        # The sequencer has a thread that does nothing but read: this hardly ever waits.
        self.pipe.send((number, candidate, size))
        return await done

    def start(self, server: uvicorn.Server) -> None:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._receive, args=(loop, server), daemon=True).start()

    def _receive(self, loop: asyncio.AbstractEventLoop, server: uvicorn.Server) -> None:
        with suppress(EOFError, OSError, RuntimeError):
            while (message := self.pipe.recv()) != _STOP:
                loop.call_soon_threadsafe(self._settle, *message)
            server.should_exit = True
            while True:  # what was accepted is still answered
                loop.call_soon_threadsafe(self._settle, *self.pipe.recv())
        server.should_exit = True  # nobody orders any more
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(self._give_up)

    def _give_up(self) -> None:
        for number in [*self._waiting]:
            self._settle(number, _stopping())

    def _settle(self, number: int, outcome: Stored | Exception) -> None:
        done = self._waiting.pop(number)
        if isinstance(outcome, Exception):
            done.set_exception(outcome)
        else:
            done.set_result(outcome)


@dataclass(slots=True)
class _Front:
    """A front's application: what it answers itself, and what it passes on."""

    frame: Frame
    place: str
    _heard: int = 0
    _client: httpx.AsyncClient | None = None
    _counting: asyncio.Task[None] | None = None

    def start(self, pipe: Connection) -> None:
        import httpx

        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=self.place), timeout=60
        )
        self._counting = asyncio.create_task(self._tell_on(pipe))

    async def _tell_on(self, pipe: Connection) -> None:
        while True:
            await asyncio.sleep(_COUNTS_EVERY_S)
            self.tell(pipe)

    def tell(self, pipe: Connection) -> None:
        """Let the sequencer add what was counted here to its metrics."""
        service = self.frame.service
        counted = {name: getattr(service, name) for name in _COUNTED}
        for name in _COUNTED:
            setattr(service, name, Counter())
        if any(counted.values()):
            with suppress(OSError):
                pipe.send(counted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_OWN):
            await self._catch_up()
            await self.frame(scope, receive, send)
        else:
            await self._passed_on(scope, receive, send)

    async def _catch_up(self) -> None:
        """Read again what the log says of keys and results, where it says more by now."""
        service, loop = self.frame.service, asyncio.get_running_loop()
        heard = service.intake.heard()
        if heard != self._heard:
            await loop.run_in_executor(service.judging, service.intake.runners)
            self._heard = heard

    async def _passed_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            passed: Response = await self._asked(scope, receive)
        except Problem as error:
            passed = answer(error)
        except ClientDisconnect:
            return
        await passed(scope, receive, send)

    async def _asked(self, scope: Scope, receive: Receive) -> Response:
        """Ask the sequencer the same.

        Raises:
            Problem: the body is too large or too slow, or the sequencer does not answer.
        """
        import httpx

        body_s = self.frame.service.limits.body_s
        body = await read_body(Request(scope, receive), body_s, MOST_BYTES)
        peer = (scope["client"] or ("",))[0].encode()
        target = scope["raw_path"] + (
            b"?" + scope["query_string"] if scope["query_string"] else b""
        )
        headers = [pair for pair in scope["headers"] if pair[0] not in _NOT_SENT]
        assert self._client
        try:
            answer = await self._client.request(
                scope["method"],
                httpx.URL(scheme="http", host="sequencer", raw_path=target),
                headers=[*headers, (_PEER, peer)],
                content=body,
            )
        except httpx.InvalidURL as error:
            raise Problem(400, "invalid", "is not a path") from error
        except httpx.HTTPError as error:
            raise _stopping() from error
        passed = Response(answer.content, answer.status_code)
        passed.raw_headers = [
            pair
            for name, value in answer.headers.raw
            if (pair := (name.lower(), value))[0] not in _NOT_ANSWERED
        ]
        return passed


def _stopping() -> Problem:
    return Problem(503, "stopping", "the server starts or stops", errors=[{"retry_after_s": 5}])
