"""Nothing a stranger signed, named a file or answered prints a line that looks like ours."""

import json
import threading
import unicodedata
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from securesystemslib.signer import CryptoSigner

from results.archive import archive
from results.keys.identity import runner_id, runner_toml
from results.proof import envelope
from results.statement.statement import Statement
from runners.machine.finding import MachineFact
from runners.measure import doctor as examination
from tests.results.conftest import make_statement

FORGED = "ok  deadbeefdeadbeef…  CI-attested, in the log"
EVIL = f"x\n{FORGED}\r{FORGED}\x1b[2K\x1b]8;;http://x\x07\u202e\u2028{FORGED}\u2066[red][/bold]\x85{FORGED}"
FILE_NAME = f"evil\n{FORGED}\x1b[2K\u202e[red]"


def is_harmless(text):
    """Every character shows but the line breaks, and no line reads as a verdict on no result."""
    unseen = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    characters = {c for c in text if unicodedata.category(c) in unseen} - {"\n"}
    forged = [line for line in text.split("\n") if line.strip().startswith(("ok  dead", "[red]"))]
    return not characters and not forged


def hostile_statement(value):
    """A statement of version 1 that says `EVIL` wherever it may say what it likes."""
    data = make_statement(EVIL, value).to_json()
    predicate = data["predicate"]
    predicate["run"].update(runner=EVIL, suites=[EVIL], options={EVIL: EVIL})
    predicate["machine"]["chip"].update(catalog_id=EVIL, name=EVIL, features=[EVIL])
    predicate["machine"].update(dict.fromkeys(("cpu_name", "os", "kernel", "driver"), EVIL))
    predicate["machine"]["conditions"] = {EVIL: EVIL}
    predicate["software"] = {"python": EVIL, "packages": {EVIL: f"{value}{EVIL[:200]}"}}
    predicate["software"]["environment"] = {EVIL: EVIL}
    engine = {
        "name": EVIL,
        "version": EVIL,
        "model": EVIL,
        "precision": EVIL,
        "flags": {EVIL: EVIL},
    }
    predicate["engines"] = [{**engine, "weights": "random", "weights_sha256": None}]
    predicate["warnings"] = [EVIL]
    [row] = predicate["measurements"]
    row.update(suite=EVIL, case=f"decode/{EVIL[:200]}", labels={EVIL: EVIL})
    rate = {**row, "metric": "decode_throughput", "unit": "tokens/s"}
    predicate["measurements"] = [row, rate]
    return Statement.model_validate(data)


@pytest.fixture(autouse=True)
def outside_a_job(monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


@pytest.fixture
def evil(tmp_path):
    """An archive of a stranger's, and one of their two results."""
    home, signer = tmp_path / "evil", CryptoSigner.generate_ed25519()
    key = signer.public_key
    for value in (42.0, 84.0):
        archive.accept(home, envelope.encode(hostile_statement(value)), signer)
    (home / "runners" / f"{runner_id(key)}.toml").write_text(
        runner_toml(key, owner=EVIL, contact=EVIL)
        + f'revoked_at = "2026-01-01T00:00:00Z"\nrevoked_reason = {json.dumps(EVIL)}\n'
    )
    return home


@pytest.mark.parametrize("width", ["40", "80", "250"])
@pytest.mark.parametrize("verb", [("verify",), ("show",), ("cost", "--results")])
def test_a_hostile_archive_forges_no_line(fenmark, monkeypatch, evil, verb, width):
    monkeypatch.setenv("COLUMNS", width)
    done = fenmark(*verb, evil)
    assert is_harmless(done.stdout)
    assert is_harmless(done.stderr)
    assert r"\x1b[2K" in done.stdout.replace("\n", "")


@pytest.mark.parametrize("verb", [("verify",), ("show",), ("cost", "--results")])
def test_json_of_a_hostile_archive_is_exact_and_harmless(fenmark, evil, verb):
    printed = fenmark(*verb, evil, "--json").stdout
    assert is_harmless(printed)
    assert json.dumps(EVIL)[1:30] in json.dumps(json.loads(printed))


@pytest.mark.parametrize("form", [(), ("--markdown",), ("--json",)])
def test_a_comparison_of_hostile_runs_forges_no_line(fenmark, evil, form):
    done = fenmark("compare-runs", *archive.envelopes(evil), *form)
    assert is_harmless(done.stdout + done.stderr)
    assert r"\x1b" in done.stdout.replace("\n", "") or r"\u001b" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize("verb", [("verify",), ("show",), ("plan", "check")])
def test_a_hostile_file_name_is_one_line(fenmark, tmp_path, verb):
    path = tmp_path / f"{FILE_NAME}.dsse.json"
    path.write_text("{}")
    done = fenmark(*verb, path)
    printed = done.stdout + done.stderr
    assert done.returncode
    assert is_harmless(printed)
    assert r"\x1b[2K\u202e[red]" in printed


def test_a_hostile_key_file_is_one_line(fenmark, evil):
    (evil / "runners" / f"{FILE_NAME}.toml").write_text(f'id = "a{EVIL}"')
    for verb in (("verify",), ("show",)):
        done = fenmark(*verb, evil)
        assert is_harmless(done.stdout + done.stderr)


def test_reported_rows_forge_no_line(fenmark, tmp_path):
    rows = [
        {"n_prompt": 0, "n_gen": 128, "avg_ts": 9.0, "model_type": EVIL, "cpu_info": EVIL},
        {"n_prompt": 1, "n_gen": 128, "avg_ts": 9.0, "model_type": EVIL, "cpu_info": EVIL},
    ]
    bench = tmp_path / f"{FILE_NAME}.json"
    bench.write_text(json.dumps(rows))
    for form in ((), ("--json",)):
        done = fenmark("import", bench, "--out", tmp_path / "reported", *form)
        assert is_harmless(done.stdout + done.stderr)
        assert done.returncode == 0
    [written] = (tmp_path / "reported").iterdir()
    data = json.loads(written.read_bytes())
    data["source"]["footnote"] = EVIL
    written.write_text(json.dumps(data))
    done = fenmark("cost", "--results", tmp_path / "reported")
    assert is_harmless(done.stdout + done.stderr)
    assert r"\x1b[2K" in done.stdout


class Refusing(BaseHTTPRequestHandler):
    """A log that answers each request with a hostile problem."""

    def do_GET(self):
        body = json.dumps({"detail": EVIL}).encode()
        self.send_response(400, "no")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def refusing():
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_server_s_answer_forges_no_line(fenmark, monkeypatch, tmp_path, evil, refusing, form):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    done = fenmark("submit", *archive.envelopes(evil)[:1], "--to", refusing, *form)
    assert done.returncode == 1
    assert is_harmless(done.stdout + done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert r"\u202e" in done.stderr


def test_what_a_driver_says_forges_no_line(fenmark, monkeypatch):
    told = MachineFact(subject=EVIL, status="warn", says=EVIL, remedy=EVIL)
    monkeypatch.setattr(examination, "examine", lambda _: [told])
    printed = fenmark("doctor").stdout
    assert is_harmless(printed)
    assert printed.count("\\x1b") >= 3


@pytest.mark.parametrize("verb", ["verify", "show"])
def test_in_a_job_an_archive_commands_nothing(fenmark, monkeypatch, tmp_path, verb):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    statement = make_statement().to_json()
    command = "::set-output name=digest::evil ##[set-output name=digest]evil"
    statement["predicate"]["run"]["runner"] = command
    statement["predicate"]["warnings"] = [command]
    statement["predicate"]["measurements"][0]["case"] = command
    payload = envelope.encode(Statement.model_validate(statement))
    archive.accept(tmp_path / "home", payload, CryptoSigner.generate_ed25519())
    for form in ((), ("--json",)):
        done = fenmark(verb, tmp_path / "home", *form)
        lines = (done.stdout + done.stderr).splitlines()
        assert "evil" in done.stdout
        assert not [line for line in lines if "##[" in line or line.lstrip().startswith("::")]
