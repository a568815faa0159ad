"""A small true statement, and an archive that holds it."""

import asyncio
import shutil
import socket
import threading
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from securesystemslib.signer import CryptoSigner
from typer.testing import CliRunner

from results.archive import archive
from results.bench.postgres import binaries, new_schema
from results.bench.postgres import running as running_postgres
from results.catalog import logs_data
from results.keys.identity import runner_id, runner_toml
from results.proof import envelope
from results.service.api import (
    SenderLimits,
    create_app,
    middleware,
    problems,
    registrations,
    writing,
)
from results.service.api.problems import SAFETY
from results.service.challenge import Challenges
from results.service.connections import configured
from results.service.engine import connect, migrate
from results.service.store import open_store
from results.service.submission_check import Intake
from results.statement.nonce import seed_of
from results.statement.statement import Statement
from runners.commands.keys import keys
from tests.builders import engine, figure, stated


def make_statement(run_id="run-1", value=42.0):
    shown = figure(value=value, low=value - 1, high=value + 1)
    return Statement.model_validate(stated(shown, version=1, id=run_id))


@pytest.fixture
def statement():
    """Builds statements that differ by run id."""
    return make_statement


@pytest.fixture
def payload():
    return envelope.encode(make_statement())


@pytest.fixture(scope="session")
def signer():
    return CryptoSigner.generate_ed25519()


@pytest.fixture
def home(tmp_path, payload, signer):
    archive.accept(tmp_path / "results", payload, signer)
    return tmp_path / "results"


@pytest.fixture(scope="session")
def log_signer():
    return CryptoSigner.generate_ed25519()


@pytest.fixture(scope="session")
def log_key(log_signer):
    return bytes.fromhex(log_signer.public_key.to_dict()["keyval"]["public"])


def public(signer):
    return signer.public_key.to_dict()["keyval"]["public"]


@pytest.fixture(scope="session")
def admin():
    return CryptoSigner.generate_ed25519()


@pytest.fixture
def lab():
    return CryptoSigner.generate_ed25519()


@pytest.fixture
def known(tmp_path, monkeypatch, log_signer, admin):
    """The server's log is known, and who may register in it."""
    monkeypatch.setattr(logs_data, "LOGS", tmp_path / "logs")
    (tmp_path / "logs").mkdir()
    name = f"fenmark.log/{runner_id(log_signer.public_key)}"
    text = f'origin = "{name}"\npublic_key = "{public(log_signer)}"\n'
    text += f'administrators = ["{public(admin)}"]\n'
    (tmp_path / "logs" / "server.toml").write_text(text)


@pytest.fixture
def sealed(statement, signer):
    """Signs a statement as the registered runner; keywords change the run."""

    def seal(run_id="run-1", by=signer, change=None, challenge=None, **run):
        if challenge:
            nonce, not_before = challenge
            run = {"nonce": nonce, "not_before": not_before, "seed": seed_of(nonce), **run}
        data = statement(run_id).to_json()
        predicate = data["predicate"]
        predicate["run"].update({"runner": runner_id(by.public_key), **run})
        predicate["engines"] = [engine(name="e", version="1", model="m", weights_sha256=None)]
        if change:
            change(data)
        return envelope.sign(envelope.encode(Statement.model_validate(data)), by)

    return seal


@pytest.fixture
def runners(tmp_path, signer):
    folder = tmp_path / "runners"
    folder.mkdir()
    key = signer.public_key
    (folder / f"{runner_id(key)}.toml").write_text(runner_toml(key))
    return folder


@contextmanager
def running(app, limits=None, loop=None):
    """Serve in a thread on a free port; on a loop whose time stands still, if one is given."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            configured(app, limits or SenderLimits(), SAFETY, log_level="critical")
        )

        def serve():
            if loop is None:
                server.run(sockets=[listener])
                return
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(server.serve(sockets=[listener]))

        thread = threading.Thread(target=serve)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            while loop is not None and thread.is_alive():  # it looks ten times a second of its own
                with suppress(RuntimeError):  # closed already
                    loop.call_soon_threadsafe(loop.pass_on, 1)
                thread.join(0.01)
            thread.join()


@pytest.fixture
def standing(monkeypatch):
    """No second passes between the requests that a server's limits count."""
    clock = SimpleNamespace(monotonic=lambda: 1000.0, perf_counter=time.perf_counter)
    for module in (middleware, problems, registrations, writing):
        monkeypatch.setattr(module, "time", clock)


@pytest.fixture(scope="session")
def postgres():
    """Starts PostgreSQL; gives the folder of its socket."""
    pytest.importorskip("psycopg", exc_type=ImportError, reason="no PostgreSQL driver")
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with running_postgres(programs, durable=False) as home:
        yield home


@pytest.fixture
def database(request):
    """URL of an empty store: None for the default SQLite file, or PostgreSQL's."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return None
    return new_schema(request.getfixturevalue("postgres"))


@pytest.fixture(scope="session")
def empty_tables(tmp_path_factory):
    """A SQLite file of tables without rows: making them takes a third of a server's start."""
    home = tmp_path_factory.mktemp("tables")
    with connect(home) as engine:
        migrate(engine)
    return home / "fenmark.db"


@pytest.fixture
def serving(tmp_path, runners, log_signer, database, empty_tables):
    """Opens the API over the same folder, as often as asked."""

    @contextmanager
    def serve(limits=None, lines=None, data="data", by=log_signer, loop=None, **more):
        if database is None and not (tmp_path / data).exists():
            (tmp_path / data).mkdir()
            shutil.copy(empty_tables, tmp_path / data)
        with open_store(tmp_path / data, by, url=database) as store:
            (tmp_path / data / "runners").mkdir(exist_ok=True)
            place = tmp_path / data / "runners" / f"{runner_id(by.public_key)}.toml"
            place.write_text(runner_toml(by.public_key))
            intake = Intake(
                folders=[runners], challenges=Challenges.of_key(by.private_bytes), store=store
            )
            write = (lambda _: None) if lines is None else lines.append
            app = create_app(intake, by.public_key, limits=limits, write_log=write, **more)
            with (
                running(app, limits, loop) as url,
                httpx.Client(base_url=url, timeout=120, verify=False) as client,
            ):
                yield client

    return serve


@pytest.fixture
def client(serving):
    with serving() as client:
        yield client


@pytest.fixture
def verb():
    """Runs a verb of `fenmark keys`, or of another group; gives what it printed on stdout."""

    def verb(*arguments, group=keys):
        done = CliRunner().invoke(group, [str(argument) for argument in arguments])
        if done.exception:
            raise done.exception
        return done.stdout

    return verb
