"""The image: by digest, without root; built and run where there is a container engine."""

import json
import re
import shutil
import subprocess
import sys
import time
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
    assert [one for one in installs if "--require-hashes" not in one] == [
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
        asked = [one.replace(":8000/", f":{client.base_url.port}/") for one in arguments]
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


@pytest.mark.engine
def test_the_image_serves_read_only_and_without_root(tmp_path):
    name = engine()
    if name is None:
        pytest.skip("no container engine answers")
    build = [name, "build", "-q", "-f", DEPLOY / "Containerfile", "-t", "fenmark-test", ROOT]
    subprocess.run(build, check=True, timeout=900)
    run = [name, "run", "--rm", "-d", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]
    run += ["-p", "127.0.0.1::8000", "fenmark-test"]
    started = subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()
    try:
        shown = subprocess.run(
            [name, "port", started, "8000"], check=True, capture_output=True, text=True
        )
        url = f"http://{shown.stdout.split()[0]}/healthz"
        for _ in range(1200):
            try:
                answer = httpx.get(url)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        assert answer.json()["status"] == "ok"
        who = subprocess.run(
            [name, "exec", started, "python", "-c", "import os; print(os.getuid())"],
            check=True,
            capture_output=True,
            text=True,
        )
        assert who.stdout.strip() == "10001"
    finally:
        subprocess.run([name, "stop", started], check=False, capture_output=True)
