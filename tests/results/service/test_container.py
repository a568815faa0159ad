"""The image: by digest, without root; built and run where there is a container engine."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "results" / "service" / "deploy"
LINTER = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))


def engine():
    """Name of an engine that answers; None where there is none."""
    for name in ("podman", "docker"):
        if shutil.which(name):
            asked = subprocess.run([name, "info"], capture_output=True, text=True, check=False)
            if asked.returncode == 0 and "Cannot connect" not in asked.stdout + asked.stderr:
                return name
    return None


def test_every_package_and_the_base_come_by_digest_and_nobody_is_root():
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert re.search(r"^ARG BASE=\S+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE}"}
    installs = re.findall(r"pip install [^\\\n]*", text)
    assert len(installs) == 3
    assert [line for line in installs if "--require-hashes" not in line] == [
        "pip install --no-cache-dir --no-deps --no-build-isolation ."
    ]
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001"]
    assert "HEALTHCHECK" in text
    locked = (DEPLOY / "requirements.txt").read_text(encoding="utf-8")
    assert set(re.findall(r"^([a-z-]+)==", locked, re.MULTILINE)) == {
        "obstore",
        "psycopg",
        "psycopg-binary",
    }


def instruction(name):
    """The words of an instruction in JSON form."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    [words] = re.findall(rf"^{name} .*?(\[.*\])$", text, re.MULTILINE)
    return json.loads(words)


@pytest.mark.skipif(not LINTER, reason="hadolint is not installed")
def test_hadolint_finds_nothing():
    done = subprocess.run(
        [LINTER, "--no-color", DEPLOY / "Containerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_what_it_is_built_from_is_there_and_not_left_out():
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (?!--from)(\S+) \S+$", text, re.MULTILINE)
    left_out = {line.strip("*/") for line in (ROOT / ".dockerignore").read_text().split("\n")[1:]}
    assert copied == [".github/requirements.txt", "results/service/deploy/requirements.txt", "."]
    assert all((ROOT / name).exists() for name in copied)
    needed = ("pyproject.toml", "README.md", "LICENSE", ".github", "results", "site", "suites")
    assert not left_out & {*needed, "runners"}


def test_its_health_check_passes_while_it_serves_and_fails_after(serving):
    program, *arguments = instruction("HEALTHCHECK")
    assert program == "python"
    with serving() as client:
        asked = [argument.replace(":8000/", f":{client.base_url.port}/") for argument in arguments]
        assert asked != arguments
        healthy = subprocess.run([sys.executable, *asked], capture_output=True, check=False)
    after = subprocess.run([sys.executable, *asked], capture_output=True, check=False)
    assert (healthy.returncode, after.returncode) == (0, 1)


def test_its_command_is_one_that_fenmark_takes(fenmark):
    assert instruction("ENTRYPOINT") == ["fenmark"]
    verb, *options = instruction("CMD")
    assert options == ["--data", "/data", "--host", "0.0.0.0"]
    done = fenmark(verb, *options, "--help")
    assert (done.returncode, "--data" in done.stdout) == (0, True)


def run(*command):
    """Output of a command that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def base_image(name):
    """The base the Containerfile names, or one of the environment's where no registry is."""
    if named := os.environ.get("FENMARK_TEST_BASE"):
        return named
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    [named] = re.findall(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    pulled = subprocess.run(
        [name, "pull", "-q", named], capture_output=True, text=True, check=False
    )
    if re.search(r"dial tcp|no such host|timeout", pulled.stderr):
        pytest.skip("the registry of the base image is not reached")
    assert pulled.returncode == 0, pulled.stderr
    return named


@pytest.fixture
def image():
    """The engine's name, and that of the image it built."""
    name = engine()
    if name is None:
        pytest.skip("no container engine answers")
    form = ["--format", "docker"] if name == "podman" else []
    built = [*form, "--build-arg", f"BASE={base_image(name)}", "-f", DEPLOY / "Containerfile"]
    run(name, "build", "-q", *built, "-t", "fenmark-test", ROOT)
    return name, "fenmark-test"


@pytest.fixture
def board(image, runners):
    """Starts the image read-only, without capabilities, on one volume; it has to end with 0."""
    name, built = image
    volume = run(name, "volume", "create")
    # The container's user is not ours.
    runners.chmod(0o755)
    options = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]
    options += ["-v", f"{volume}:/data", "-v", f"{runners}:/keys:ro", "-p", "127.0.0.1::8000"]
    serve = [*instruction("CMD"), "--runners", "/keys"]

    @contextmanager
    def start():
        started = run(name, "run", "-d", *options, built, *serve)
        try:
            place = run(name, "port", started, "8000").split()[0]
            with httpx.Client(base_url=f"http://{place}", timeout=60) as client:
                for _ in range(600):
                    with suppress(httpx.HTTPError):
                        client.get("/healthz")
                        break
                    time.sleep(0.1)
                [told] = json.loads(run(name, "inspect", started))
                yield client, told["Config"], lambda *command: run(name, "exec", started, *command)
            run(name, "stop", "-t", "60", started)
            assert run(name, "inspect", "-f", "{{.State.ExitCode}}", started) == "0"
        finally:
            run(name, "rm", "-f", started)

    yield start
    run(name, "volume", "rm", volume)


@pytest.mark.engine
def test_the_image_serves_read_only_without_root_and_keeps_what_it_took(board, sealed):
    with board() as (client, config, inside):
        assert client.get("/healthz").json()["status"] == "ok"
        assert config["Healthcheck"]["Test"] == ["CMD", *instruction("HEALTHCHECK")]
        inside(*instruction("HEALTHCHECK"))
        assert inside("python", "-c", "import os; print(os.getuid())") == "10001"
        write = "from pathlib import Path; Path('/opt/fenmark/x').touch()"
        with pytest.raises(AssertionError, match="Read-only"):
            inside("python", "-c", write)
        taken = client.post("/v1/submissions", content=sealed())
        assert taken.status_code == 201
    with board() as (client, _, inside):
        again = client.post("/v1/submissions", content=sealed())
        assert (again.status_code, again.json()) == (200, taken.json())
        inside("fenmark", "publish", "--data", "/data", "--out", "/data/archive")
        inside("fenmark", "verify", "/data/archive")
