"""`python -m suites.kernels --spec FILE --out FILE`: measure one process's share."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from suites.errors import UserError

# Read by OpenBLAS, MKL, Accelerate and OpenMP when they load, so before NumPy is imported.
_THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "OMP_NUM_THREADS",
)


def main() -> int:
    """Run the cell; the exit code is a UserError's own, 130 when told to stop."""
    # As Ctrl-C does it: pytest would take a SystemExit for a failed test and go on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="python -m suites.kernels")
    parser.add_argument("--spec", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        spec = json.loads(arguments.spec.read_text())
        _hold_threads(spec.get("threads"))
        _write(arguments.out, _run(spec))
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _hold_threads(threads: int | None) -> None:
    """Start over with the thread count in the environment: the libraries are loaded by now."""
    wanted = str(threads) if threads else ""
    if not wanted or os.environ.get(_THREAD_VARIABLES[0]) == wanted:
        return
    environment = os.environ | dict.fromkeys(_THREAD_VARIABLES, wanted)
    os.execve(  # noqa: S606 - the same program with the same arguments
        sys.executable, [sys.executable, "-m", "suites.kernels", *sys.argv[1:]], environment
    )


def _run(spec: dict[str, Any]) -> dict[str, Any]:
    import pytest

    from suites.kernels.session import Session

    report = sys.stdout
    session = Session(spec, report=lambda line: print(line, file=report, flush=True))
    _ = session.cases  # a bad spec stops here, with its one line
    here = Path(__file__).parent
    talk = io.StringIO()
    arguments = [str(here), "-c", str(here / "pytest.ini"), f"--rootdir={here}", "-q", "-s"]
    with contextlib.redirect_stdout(talk):
        code = pytest.main(arguments, plugins=[session])
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        sys.stderr.write(talk.getvalue())
        raise SystemExit(1)
    return session.result().to_json()


def _write(path: Path, result: dict[str, Any]) -> None:
    """All or nothing: a killed child leaves no half-written result."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w") as file:
            json.dump(result, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"cannot write the result ({error.strerror})", where=str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
