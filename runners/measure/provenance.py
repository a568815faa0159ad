"""Where a result comes from: the code's commit, the packages in its path, the CI run."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from results.catalog import newest_version
from results.statement.statement import Software, Source
from runners.ci.job import identity
from runners.measure.doctor import set_variables

__all__ = ["software", "source", "suite_version", "tool_version"]

_ROOT = Path(__file__).parent.parent.parent
# What stands between a sample and the chip in every run; a suite names what else it used.
_MEASURED_PATH = ("numpy", "array-api-compat", "pytest-benchmark")


def suite_version() -> str:
    """Return the release whose way of measuring this is: the newest that the catalogue lists."""
    return newest_version()


def tool_version() -> str:
    """Return the version that is installed, as PEP 440 has it: its tag, or how far beyond it.

    In a checkout, which moves on without being installed again, the part after + is the commit
    at hand.
    """
    installed = metadata.version("fenmark")
    commit = _git("rev-parse", "--short=9", "HEAD")
    if not commit or f"g{commit}" in installed:
        return installed
    return f"{installed.partition('+')[0]}+g{commit}"


def software(packages: dict[str, str]) -> Software:
    """Describe the software, with what the suites say they used beside the base."""
    installed = {name: version for name in _MEASURED_PATH if (version := _version(name))}
    return Software(
        python=platform.python_version(),
        packages={"fenmark": tool_version(), **installed, **packages},
        environment=set_variables(),
    )


def source() -> Source:
    """Describe the code and the CI job: the commit is None when installed from a package."""
    commit = _git("rev-parse", "HEAD")
    return Source(
        commit=commit or None,
        modified=bool(commit and _git("status", "--porcelain")),
        ci_run=_ci_run(),
        ci=identity(),
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str:
    # Without the check, a package installed below some other checkout would name its commit.
    if not (_ROOT / ".git").exists():
        return ""
    command = ["git", "-C", str(_ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _ci_run() -> str | None:
    server, repository, run = (
        os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None
