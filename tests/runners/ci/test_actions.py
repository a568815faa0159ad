"""What a job of GitHub Actions gets to see; the runner's files and token service are emulated."""

import base64
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from markdown_it import MarkdownIt

from results.archive import archive
from runners.ci import actions, job
from runners.measure import job_summary

PUBLIC = Path(__file__).parents[3] / "results" / "public"
JOB = {
    "GITHUB_REPOSITORY": "owner/repository",
    "GITHUB_WORKFLOW_REF": "owner/repository/.github/workflows/nightly.yml@refs/heads/main",
    "GITHUB_SHA": "a" * 40,
    "GITHUB_RUN_ID": "123",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_EVENT_NAME": "schedule",
    "RUNNER_ENVIRONMENT": "self-hosted",
}


@pytest.fixture(autouse=True)
def outside(monkeypatch):
    """These tests may themselves run in a job."""
    for name in [*os.environ]:
        if name.startswith(("GITHUB_", "ACTIONS_", "RUNNER_", "FENMARK_SITE")):
            monkeypatch.delenv(name)


@pytest.fixture
def runner(monkeypatch, tmp_path):
    """A job's environment; returns the folder of its files."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        (tmp_path / name).touch()
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


@pytest.fixture
def predicate():
    path = min(archive.envelopes(PUBLIC))
    return archive.open_result(path).statement.predicate


def test_outside_a_job_nothing_is_said(capsys, predicate):
    actions.annotate("error", "no")
    job_summary.tell(predicate, "0" * 64)
    actions.add_summary("x")
    actions.set_output("a", "b")
    with actions.group("g"):
        pass
    assert job.identity() is None
    assert capsys.readouterr() == ("", "")


def test_an_annotation_names_file_and_line(runner, capsys):
    actions.annotate("error", "50% of\nit: bad", place="plans/a,b.toml:12", title="Plan")
    assert capsys.readouterr().err == (
        "::error file=plans/a%2Cb.toml,line=12,title=Plan::50%25 of\\nit: bad\n"
    )


def test_an_annotation_without_a_place_stands_at_the_job(runner, capsys):
    actions.annotate("warning", "hot", place="--suite")
    assert capsys.readouterr().err == "::warning title=Fenmark::hot\n"


def test_a_group_ends_when_its_work_fails(runner, capsys):
    with pytest.raises(RuntimeError), actions.group("measuring"):
        raise RuntimeError
    assert capsys.readouterr().err == "::group::measuring\n::endgroup::\n"


def outputs(text):
    """Read an output file as the runner does."""
    written, lines = {}, iter(text.splitlines())
    for line in lines:
        name, _, mark = line.partition("<<")
        value = []
        for part in lines:
            if part == mark:
                break
            value.append(part)
        written[name] = "\n".join(value)
    return written


def test_no_value_can_begin_another_output(runner):
    actions.set_output("one", "a\nEOF\ntwo<<EOF\nstolen\nEOF")
    actions.set_output("three", "c")
    written = outputs((runner / "GITHUB_OUTPUT").read_text())
    assert written == {"one": "a\nEOF\ntwo<<EOF\nstolen\nEOF", "three": "c"}


def test_a_run_leaves_a_table_an_output_and_its_warnings(runner, capsys, predicate):
    job_summary.tell(predicate, "f" * 64)
    page = (runner / "GITHUB_STEP_SUMMARY").read_text()
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert len(table) > 5
    assert {line.count("|") for line in table} == {7}
    assert "tokens/s" in page
    assert "f" * 64 in page
    assert outputs((runner / "GITHUB_OUTPUT").read_text()) == {"digest": "f" * 64}
    assert capsys.readouterr().err.count("::warning") == min(10, len(predicate.warnings))


def test_the_picture_is_an_address_of_the_site(runner, monkeypatch, predicate):
    assert "<svg" not in job_summary.run_summary(predicate, "f" * 64)
    monkeypatch.setenv("FENMARK_SITE", "https://example.org/board/")
    chip = predicate.machine.chip.model_copy(update={"catalog_id": "h100-sxm"})
    machine = predicate.machine.model_copy(update={"chip": chip})
    page = job_summary.run_summary(predicate.model_copy(update={"machine": machine}), "f" * 64)
    assert "![](https://example.org/board/badges/h100-sxm.svg)" in page
    assert f"https://example.org/board/verify/?statement={'f' * 64}" in page


def test_names_of_strangers_are_text_on_the_page(runner, monkeypatch, predicate):
    name = "<img src=x> [a](http://b) | `c` **d** @e #1 \n# f"
    chip = predicate.machine.chip.model_copy(update={"name": name, "catalog_id": "a)![](b"})
    machine = predicate.machine.model_copy(update={"chip": chip})
    changed = predicate.model_copy(update={"machine": machine, "warnings": ["</details>**x**"]})
    monkeypatch.setenv("FENMARK_SITE", "https://example.org/board/")
    read = MarkdownIt().enable("table").parse(job_summary.run_summary(changed, "f" * 64))
    inline = [part for token in read for part in token.children or []]
    spans = [part.content for part in inline if part.type == "code_inline"]
    assert r"<img src=x> [a](http://b) \x7c \x60c\x60 **d** @e #1 \n# f" in spans
    assert "</details>**x**" in spans
    links = [part.attrs["href"] for part in inline if part.type == "link_open"]
    assert links == [f"https://example.org/board/verify/?statement={'f' * 64}"]
    assert not {part.type for part in inline} & {"image", "html_inline", "strong_open"}
    assert sum(token.type == "heading_open" for token in read) == 1
    blocks = [token.content.strip() for token in read if token.type == "html_block"]
    assert blocks == ["<details><summary>1 warnings</summary>", "</details>"]


def test_a_page_that_is_full_says_so(runner):
    actions.add_summary("x" * 999_000)
    actions.add_summary("y" * 10_000)
    page = (runner / "GITHUB_STEP_SUMMARY").read_text()
    assert len(page) < 2**20
    assert "see the artifact" in page


class Tokens(BaseHTTPRequestHandler):
    """GitHub's token service."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Authorization"]))
        body = json.dumps({"value": self.server.token}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def tokens(runner, monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Tokens) as server:
        server.asked, server.token = [], ""
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/token?api-version=2.0"
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", url)
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "bearer-of-the-job")
        for name, value in JOB.items():
            monkeypatch.setenv(name, value)
        yield server
        server.shutdown()


def token(**claims):
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


def test_the_claims_of_the_token_name_the_job(tokens):
    tokens.token = token(
        repository="real/repository",
        workflow_ref="real/repository/.github/workflows/nightly.yml@refs/heads/main",
        job_workflow_ref="real/repository/.github/workflows/measure.yml@refs/heads/main",
        sha="b" * 40,
        run_id="9",
        run_attempt="2",
        event_name="schedule",
        runner_environment="self-hosted",
        actor="somebody",
    )
    told = job.identity()
    assert (told.claimed_by, told.repository, told.commit) == ("oidc", "real/repository", "b" * 40)
    assert told.job_workflow_ref.endswith("measure.yml@refs/heads/main")
    assert "somebody" not in told.model_dump_json()
    assert tokens.asked == [("/token?api-version=2.0&audience=fenmark", "bearer bearer-of-the-job")]


def test_a_job_without_a_token_is_named_by_its_variables(runner, monkeypatch):
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    told = job.identity()
    assert (told.claimed_by, told.repository, told.run_id) == (
        "environment",
        "owner/repository",
        "123",
    )
    assert told.runner_environment == "self-hosted"


@pytest.mark.parametrize("value", ["", "no token", "a.!.c", "a.W10.c", "a.e30.c"])
def test_a_token_that_is_none_leaves_the_variables(tokens, value):
    tokens.token = value
    assert job.identity().claimed_by == "environment"


def test_a_service_that_says_less_costs_the_identity_and_not_the_run(runner, capsys):
    assert job.identity() is None
    assert "::warning" in capsys.readouterr().err


def test_an_error_of_a_verb_is_attached_to_the_job_and_stdout_stays_clean(fenmark, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = fenmark("verify", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("::error title=Fenmark::nowhere: does not exist")
