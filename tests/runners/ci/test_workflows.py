"""Our workflows are sound and safe, and their very steps run, by a real shell in a made-up job."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from results.archive import archive
from results.catalog.prices_data import read_sheet

ROOT = Path(__file__).parents[3]
HOME = ROOT / ".github" / "workflows"
FILES = {path.name: yaml.safe_load(path.read_text()) for path in sorted(HOME.glob("*.yml"))}
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")


def jobs():
    return [(file, name, job) for file, flow in FILES.items() for name, job in flow["jobs"].items()]


def steps():
    return [(file, step) for file, _, job in jobs() for step in job.get("steps", [])]


def triggers(file):
    # YAML 1.1 reads the key `on` as true.
    return FILES[file][True]


def linter():
    """The installed program: the path of the interpreter may not be searched."""
    return shutil.which("actionlint") or shutil.which(
        "actionlint", path=str(Path(sys.executable).parent)
    )


@pytest.mark.skipif(not linter(), reason="actionlint is not installed")
def test_actionlint_finds_nothing():
    done = subprocess.run(
        [linter(), "-no-color", *map(str, HOME.glob("*.yml"))],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_action_is_pinned_by_its_commit():
    used = [step["uses"] for _, step in steps() if "uses" in step]
    assert used
    assert [
        action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)
    ] == []


def test_no_expression_is_pasted_into_a_shell():
    """A branch's name or a label is data of strangers: it reaches a script as a variable."""
    assert [step["run"] for _, step in steps() if EXPRESSION.search(step.get("run", ""))] == []


def test_every_job_has_a_time_limit():
    assert [
        name for _, name, job in jobs() if "uses" not in job and "timeout-minutes" not in job
    ] == []


def test_no_checkout_leaves_its_token_behind():
    checkouts = [step for _, step in steps() if step.get("uses", "").startswith("actions/checkout")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


# It opens a pull request with one file, and runs nothing but git and gh.
PROPOSES = ("prices.yml", "propose")


def test_nobody_may_write_to_the_repository():
    for file, name, job in jobs():
        if (file, name) == PROPOSES:
            continue
        for granted in (FILES[file].get("permissions", {}), job.get("permissions", {})):
            assert granted.get("contents", "none") in {"read", "none"}
            assert granted.keys() <= {"contents", "pages", "id-token", "attestations"}


def test_the_job_that_may_write_runs_no_code_of_the_repository_or_of_strangers():
    flow = FILES[PROPOSES[0]]
    assert flow["permissions"] == {}
    assert flow["jobs"]["read"]["permissions"] == {"contents": "read"}
    job = flow["jobs"][PROPOSES[1]]
    assert job["permissions"] == {"contents": "write", "pull-requests": "write"}
    [script] = [step["run"] for step in job["steps"] if "run" in step]
    programs = {line.split()[0] for line in script.replace("\\\n", "").splitlines()}
    assert programs <= {"git", "gh", "day=$(date"}


def test_a_workflow_grants_nothing_that_its_jobs_do_not_ask_for():
    for file in ("nightly.yml", "pull-request.yml"):
        assert FILES[file]["permissions"] == {}


def test_a_strangers_commit_gets_no_secret_no_identity_and_no_submission():
    flow = FILES["pull-request.yml"]
    assert triggers("pull-request.yml") == {"pull_request_target": {"types": ["labeled"]}}
    assert flow["cache-mode"] == "none"
    measure = flow["jobs"]["measure"]
    assert measure["needs"] == "admit"
    assert measure["permissions"] == {"contents": "read"}
    assert "secrets" not in measure
    assert measure["with"].keys() & {"to", "keyless"} == set()
    assert measure["with"]["commit"] == "${{ github.event.pull_request.head.sha }}"
    # The job that runs the stranger's code asks for nothing of its own either.
    assert "permissions" not in FILES["measure.yml"]["jobs"]["measure"]
    assert "secrets." not in yaml.safe_dump(flow)


def test_only_our_own_branch_is_signed_for_and_submitted():
    passing = [file for file, _, job in jobs() if "secrets" in job]
    assert passing == ["nightly.yml"]
    assert set(triggers("nightly.yml")) == {"schedule", "workflow_dispatch"}


class Runner:
    """What GitHub's runner does between two steps: variables, files, one bash for each."""

    def __init__(self, place, expressions):
        self.place, self.expressions = place, expressions
        self.files = {name: place / name for name in ("GITHUB_ENV", "GITHUB_OUTPUT")}
        self.files["GITHUB_STEP_SUMMARY"] = place / "GITHUB_STEP_SUMMARY"
        for file in self.files.values():
            file.touch()
        (place / "temp").mkdir()
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GITHUB_", "ACTIONS_", "RUNNER_", "FENMARK_HOME"))
        }
        self.environment = {
            **kept,
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "owner/repository",
            "GITHUB_WORKFLOW_REF": "owner/repository/.github/workflows/x.yml@refs/heads/main",
            "GITHUB_SHA": "a" * 40,
            "GITHUB_RUN_ID": "1",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_EVENT_NAME": "schedule",
            "RUNNER_ENVIRONMENT": "self-hosted",
            "RUNNER_TEMP": str(place / "temp"),
            **{name: str(file) for name, file in self.files.items()},
        }

    def run(self, step):
        """Run a step as `shell: bash` does."""
        given = {name: self.resolve(text) for name, text in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.place,
            env={**self.environment, **given},
        )
        for line in self.files["GITHUB_ENV"].read_text().splitlines():
            name, _, value = line.partition("=")
            self.environment[name] = value
        return done

    def resolve(self, text):
        return EXPRESSION.sub(lambda match: self.expressions[match[1]], str(text))

    def outputs(self):
        lines = self.files["GITHUB_OUTPUT"].read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "<<" not in line and "=" in line)


def step_of(file, job, name):
    [step] = [step for step in FILES[file]["jobs"][job]["steps"] if step.get("name") == name]
    return step


def admitted(tmp_path, label, head):
    runner = Runner(
        tmp_path,
        {"github.event.label.name": label, "github.event.pull_request.head.sha": head},
    )
    return runner.run(step_of("pull-request.yml", "admit", "The label names this commit"))


HEAD = "0123456789ab" + "c" * 28


def test_a_label_admits_the_commit_it_names(tmp_path):
    label = f"measure/{HEAD}"
    assert admitted(tmp_path, label, HEAD).returncode == 0
    assert len(label) <= 50  # GitHub's limit


@pytest.mark.parametrize(
    "label",
    [
        "measure/",
        "measure/0123456789ab",  # digits that another commit has too
        f"measure/{HEAD[:-1]}",
        f"measure/{HEAD}0",
        f"measure/{HEAD[:12]}{'d' * 28}",
        "measure/*",
        f"measure/{'?' * 40}",
    ],
)
def test_a_label_admits_no_other_commit(tmp_path, label):
    done = admitted(tmp_path, label, HEAD)
    assert done.returncode == 1
    assert done.stdout.startswith("::error")


def checkouts(file, job):
    steps = FILES[file]["jobs"][job]["steps"]
    return [step["with"].get("ref") for step in steps if "checkout" in step.get("uses", "")]


def test_a_strangers_commit_does_not_choose_the_machines_it_runs_on():
    """Inventory and workflow are those of the branch the caller runs on."""
    assert checkouts("measure.yml", "matrix") == ["${{ github.sha }}"]
    assert FILES["pull-request.yml"]["jobs"]["measure"]["uses"] == "./.github/workflows/measure.yml"
    assert "inventory" not in FILES["pull-request.yml"]["jobs"]["measure"]["with"]
    assert "--ephemeral" in step_of("measure.yml", "matrix", "Matrix")["run"]


def test_what_an_attested_job_installs_is_pinned_by_digest():
    installs = [step["run"] for file, step in steps() if "pip install" in step.get("run", "")]
    lines = [line for run in installs for line in run.splitlines() if "pip install" in line]
    assert lines
    for line in lines:
        locked = "--require-hashes --requirement .github/requirements.txt" in line
        assert locked or "--no-deps --no-build-isolation --no-index --editable ." in line


def test_the_lock_holds_everything_that_is_asked_for():
    text = (ROOT / ".github" / "requirements.txt").read_text().replace("\\\n", " ")
    locked = {}
    for line in filter(lambda row: row and not row.startswith("#"), text.splitlines()):
        pin, *hashes = line.split(" --hash=")
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", digest) for digest in hashes)
        requirement = Requirement(pin)
        [version] = requirement.specifier
        assert version.operator == "=="
        locked.setdefault(canonicalize_name(requirement.name), []).append(version.version)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["sigstore"],
        *project["dependency-groups"]["build"],
    ]
    for text in asked:
        requirement = Requirement(text)
        versions = locked[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), text


def test_a_label_is_no_program(tmp_path):
    done = admitted(tmp_path, 'measure/"; touch stolen; "', "0" * 40)
    assert done.returncode == 1
    assert not (tmp_path / "stolen").exists()


@pytest.fixture
def job(unprobed, tmp_path):
    """A checkout with everything installed, and the runner of a measuring job."""
    tools = tmp_path / ".venv" / "bin"
    tools.mkdir(parents=True)
    program = f'exec {sys.executable} -c "from runners.cli import main; main()" "$@"'
    (tools / "fenmark").write_text(f"#!/bin/sh\n{program}\n")
    (tools / "fenmark").chmod(0o755)
    (tmp_path / "plan.toml").write_text('name = "small"\nanswers = "Does it run?"\n')
    shutil.copy(ROOT / ".github" / "runners.toml", tmp_path / "runners.toml")
    return Runner(
        tmp_path,
        {
            "inputs.plan": "plan.toml",
            "inputs.inventory": "runners.toml",
            "inputs.keyless": "",
            "matrix.shard": "1/1",
            "secrets.signing-key": "",
        },
    )


def test_the_matrix_of_a_job_reaches_the_next_job(job):
    done = job.run(step_of("measure.yml", "matrix", "Matrix"))
    assert done.returncode == 0, done.stderr
    [entry] = json.loads(job.outputs()["matrix"])["include"]
    assert entry["plan"] == "plan.toml"
    # What the measuring job asks of its entry is there.
    text = yaml.safe_dump(FILES["measure.yml"]["jobs"]["measure"])
    assert set(re.findall(r"matrix\.(\w+) }}", text)) - {"outputs"} <= entry.keys()


def test_a_key_that_is_given_is_used_and_forgotten(job):
    made = subprocess.run(
        [job.place / ".venv/bin/fenmark", "keys", "new", "--path", job.place / "given.pem"],
        capture_output=True,
        text=True,
        check=True,
    )
    job.expressions["secrets.signing-key"] = (job.place / "given.pem").read_text().rstrip("\n")
    assert job.run(step_of("measure.yml", "measure", "Take the key")).returncode == 0
    key = Path(job.environment["FENMARK_HOME"]) / "key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    assert Path(job.environment["FENMARK_LOG_KEY"]).parent == key.parent
    shown = job.run({"run": ".venv/bin/fenmark keys show"})
    assert shown.stdout == made.stdout
    assert job.run(step_of("measure.yml", "measure", "Forget the key")).returncode == 0
    assert not key.exists()


@pytest.mark.engine
@pytest.mark.processes(1)
@pytest.mark.parametrize("plan", ["", "plan.toml"])
def test_the_steps_of_a_measuring_job_leave_a_signed_result(job, plan):
    job.expressions["inputs.plan"] = plan
    job.expressions["inputs.options"] = "--suite inference --model tiny-15m --case prefill/isl128"
    with (job.place / "plan.toml").open("a") as file:
        file.write('suites = ["inference"]\n[options]\nmodel = "tiny-15m"\n')
        file.write('case = "prefill/isl128"\n')
    for name in ("Take the key", "What this machine can measure", "Measure", "Verify"):
        done = job.run(step_of("measure.yml", "measure", name))
        assert done.returncode == 0, done.stdout + done.stderr
    [path] = archive.envelopes(job.place / "out" / "results")
    stated = archive.open_result(path).statement.predicate
    assert bool(stated.run.plan) == bool(plan)
    source = stated.source
    assert source.ci.claimed_by == "environment"
    assert source.ci.repository == "owner/repository"
    assert "| case |" in job.files["GITHUB_STEP_SUMMARY"].read_text()
    assert (job.place / "temp" / "fenmark" / "key.pem").is_file()
    assert job.run(step_of("measure.yml", "measure", "Forget the key")).returncode == 0
    assert not (job.place / "temp" / "fenmark").exists()


VMS = (
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice\n"
    + "".join(f"m{place},H100-SXM,1,8,64,{usd},r{place},,\n" for place, usd in enumerate((2, 3, 4)))
)


def test_the_monthly_sheet_is_made_of_what_changed_in_a_month(tmp_path):
    """The step's own commands, at a catalogue of ours: an old form of it is left alone."""
    [script] = [
        step["run"]
        for step in FILES["prices.yml"]["jobs"]["read"]["steps"]
        if step.get("name") == "Make the sheet"
    ]
    catalog = tmp_path / "theirs"
    now = int(time.time())
    git = ["git", "-C", str(catalog), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "init", "--quiet", str(catalog)], check=True)
    subprocess.run([*git, "config", "uploadpack.allowFilter", "true"], check=True)
    for days, file, text in (
        (200, "v9/vast/vms.csv", VMS.replace(",2,r0", ",99,r0")),
        (60, "v6/aws/vms.csv", "kept by nobody\n"),
        (3, "v7/aws/vms.csv", "an older form\n"),
        (2, "v8/aws/vms.csv", VMS),
        (1, "v8/kubernetes/images.csv", "no prices\n"),
    ):
        path = catalog / "catalogs" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        dated = dict.fromkeys(("AUTHOR", "COMMITTER"), f"{now - days * 86400} +0000")
        env = os.environ | {f"GIT_{name}_DATE": when for name, when in dated.items()}
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", file], check=True, env=env)
    redirected = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{catalog.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/skypilot-org/skypilot-catalog",
    }
    folder = tmp_path / "runner"
    folder.mkdir()
    where = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | redirected | {"RUNNER_TEMP": str(folder), "PATH": where}
    shell = ["bash", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(shell, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [sheet] = (folder / "sheet").glob("*.toml")
    source = f"skypilot, read {sheet.stem}: aws"
    priced = [row for row in read_sheet(sheet).rentals if row.source.startswith("skypilot")]
    assert [(row.chip, row.usd_per_hour, row.offers, row.source) for row in priced] == [
        ("h100-sxm", 3, 3, source)
    ]
