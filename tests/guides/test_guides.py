"""Every guide is done as it is written: its commands run in order, in a clone, by a real shell."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from results.agreement.confirmation import differences
from results.archive import archive
from suites.base import user_folders
from tests.conftest import UNPROBED

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "site" / "leaderboard" / "docs"
GUIDES = sorted(DOCS.glob("guide-*.md"))
# A paragraph of this form before a block says why it is not run.
EXCUSE = re.compile(r"^\*Not run here: [^*]+\*$")
BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n```console\n(?P<commands>.*?)\n```", re.DOTALL)

# A block that starts a server leaves it behind: the shell takes it along.
PROLOGUE = """set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
"""


def blocks(page):
    """All command blocks of a guide: whether it is run, and its text."""
    text = page.read_text(encoding="utf-8")
    return [
        (not EXCUSE.match(block["before"]), block["commands"]) for block in BLOCK.finditer(text)
    ]


@pytest.fixture
def clone(tmp_path):
    """A copy of what is committed or about to be, and of its bytecode, which takes seconds to make.

    Python takes bytecode only of a source of the same size and time, so none is stale. It knows few
    models, each of which has pages and sums on every site: those that guides and claims name.
    """
    place = tmp_path / "clone"
    (place / "site").mkdir(parents=True)
    for room in ("suites", "results", "runners", "site/leaderboard"):
        shutil.copytree(ROOT / room, place / room)
    naming = (*GUIDES, *(place / "results" / "catalog" / "claims").iterdir())
    named = "".join(path.read_text(encoding="utf-8") for path in naming)
    for model in (place / "suites" / "models" / "data").iterdir():
        if model.stem not in named:
            model.unlink()
    return place


@pytest.fixture(scope="module")
def rendered(once):
    """What a site keeps between two builds: templates that are compiled, pages of the docs."""
    return once("cache", Path.mkdir)


@pytest.fixture
def environment(clone, tmp_path, rendered, request):
    """A new user's: the command on the path, a home without keys, models kept between runs."""
    tools = tmp_path / "bin"
    tools.mkdir()
    command = tools / "fenmark"
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from runners.cli import main; main()" "$@"\n'
    )
    command.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    cache = user_folders.models()
    # A laptop's run is whole; those of the other guides say nothing about the machine's own speed.
    whole = "laptop" in request.node.name
    path = [] if whole else [UNPROBED]
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FENMARK_", "GITHUB_", "ACTIONS_"))
    }
    return {
        **kept,
        "HOME": str(home),
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(map(str, (clone, clone / "site", *path))),
        "FENMARK_CACHE": str(cache),
        "XDG_CACHE_HOME": str(rendered),
        "FENMARK_NO_REPORTED": os.environ["FENMARK_NO_REPORTED"],
        **({} if whole else {"FENMARK_TEST_PROCESSES": "2"}),
    }


def do(page, clone, environment):
    script = PROLOGUE + "\n".join(commands for is_run, commands in blocks(page) if is_run)
    # Servers of the script hold our pipes: its output goes to files.
    with (clone / "said.txt").open("w+") as output:
        done = subprocess.run(
            ["bash", "-c", script],
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            cwd=clone,
            env=environment,
            timeout=900,
        )
        output.seek(0)
        text = output.read()
    assert done.returncode == 0, text
    assert "Traceback" not in text, text
    return text


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_every_block_is_run_or_says_why_not(page):
    text = page.read_text(encoding="utf-8")
    console_blocks = blocks(page)
    assert console_blocks
    assert len(console_blocks) == text.count("```console")
    assert re.search(
        r"run as (they|it) stands? by the test suite", " ".join(text.split())
    ) or not any(run for run, _ in console_blocks)


def test_no_two_guides_serve_on_one_port():
    """Two workers may do two guides at the same time."""
    ports = [
        port
        for page in GUIDES
        for port in sorted(set(re.findall(r"--port (\d+)", page.read_text(encoding="utf-8"))))
    ]
    assert ports
    assert len(ports) == len(set(ports))


@pytest.mark.engine
def test_a_laptop_gets_its_result_into_a_log(clone, environment):
    text = do(DOCS / "guide-laptop.md", clone, environment)
    assert re.search(r"^logged  [0-9a-f]{64}  entry \d+", text, re.MULTILINE)
    assert re.search(r"^known  [0-9a-f]{64}", text, re.MULTILINE)
    assert "1 results, 0 with problems" in text


@pytest.mark.engine
def test_a_private_leaderboard_takes_publishes_and_shows_a_repetition(clone, environment):
    text = do(DOCS / "guide-private-leaderboard.md", clone, environment)
    assert len(re.findall(r"^logged  [0-9a-f]{64}", text, re.MULTILINE)) == 2
    # Whether the figures agree is for the machine to say: its neighbours may be loud.
    assert re.search(r"^verdict  (agrees|not reproduced|not decided)", text, re.MULTILINE)

    published = archive.envelopes(clone / "board" / "archive")
    runs = [archive.open_result(path) for path in published]
    first, second = sorted(runs, key=lambda run: run.predicate.run.reproduces or "")
    assert second.predicate.run.reproduces == first.digest
    assert second.keyid != first.keyid
    for name in ("options", "profile", "suites", "suite_version"):
        assert getattr(second.predicate.run, name) == getattr(first.predicate.run, name)
    measured = [{(row.case, row.metric) for row in run.predicate.measurements} for run in runs]
    assert measured[0] == measured[1]
    # Its challenge gave it a seed of its own; one machine confirms nothing of its own.
    assert [difference.what for difference in differences(first.predicate, second.predicate)] == [
        "seed"
    ]
    assert "same hardware" in text
    pages = (clone / "board" / "site" / "statements").glob("*.dsse.json")
    assert {page.name.partition(".")[0] for page in pages} == {first.digest, second.digest}


@pytest.mark.engine
def test_a_board_is_served_published_backed_up_and_restored(clone, environment):
    text = do(DOCS / "guide-operate.md", clone, environment)
    assert re.search(r"^logged  [0-9a-f]{64}", text, re.MULTILINE)
    assert text.count("1 results, 0 with problems") == 2
    assert re.search(r"^fenmark_published_entries [1-9]", text, re.MULTILINE)
    assert re.search(r"^fenmark_log_entries [1-9]", text, re.MULTILINE)
    assert (clone / "public" / "index.html").is_file()
    assert (clone / "rehearsal" / "fenmark.db").is_file()


def test_every_file_of_the_deployment_is_named_in_the_guide_and_is_there():
    guide = (DOCS / "guide-operate.md").read_text(encoding="utf-8")
    folder = ROOT / "results" / "service" / "deploy"
    files = {path.name for path in folder.iterdir()} - {"fenmark-backup.service"}
    assert files == {name for name in files if f"`{name}`" in guide or f"/{name}" in guide}
    for name in ("alerts.yml", "grafana.json"):
        watched = set(re.findall(r"fenmark_[a-z_]+", (folder / name).read_text(encoding="utf-8")))
        code = "\n".join(
            path.read_text(encoding="utf-8")
            for path in (ROOT / "results" / "service" / "api").glob("*.py")
        )
        for metric in watched - {"fenmark_"}:
            plain = re.sub("cosigned|published|backed_up", "{what}", metric)
            assert metric in code or plain in code, metric


@pytest.mark.engine
def test_regressions_are_told_in_a_comment(clone, environment):
    text = do(DOCS / "guide-regressions.md", clone, environment)
    assert "figures compared**" in text
    assert (clone / "runners.toml").is_file()


def test_a_chip_gets_its_page(clone, environment):
    text = do(DOCS / "guide-chip.md", clone, environment)
    assert "Example X1" in text
    assert "refused" in text
    assert "memory_gib" in text


def test_the_ascend_guide_names_chips_of_the_catalogue(clone, environment):
    page = DOCS / "guide-ascend.md"
    assert "ascend" in do(page, clone, environment).lower()
    assert "have run nothing on this page on Ascend hardware" in page.read_text()


@pytest.mark.skipif(not find_spec("array_api_strict"), reason="array-api-strict is not installed")
def test_a_backend_and_an_engine_are_added(clone, environment):
    text = do(DOCS / "guide-backend.md", clone, environment)
    assert re.search(r"^ *rmsnorm\S* .* yes *$", text, re.MULTILINE)
    assert "example-serve" in text
    assert "Fenmark says so" in text
