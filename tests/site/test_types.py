"""The scripts of the site against the types written in their comments."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import leaderboard

ASSETS = Path(leaderboard.__file__).parent / "assets"
# Pinned: another version may find other things.
TYPESCRIPT = "typescript@5.9.3"
STRICT = (
    "--noEmit", "--allowJs", "--checkJs", "--strict", "--noUnusedLocals", "--noImplicitReturns",
    "--skipLibCheck",  # of TypeScript's own declarations
    "--target", "es2023", "--module", "nodenext", "--moduleResolution", "nodenext",
    "--lib", "es2023,dom,dom.iterable",
)  # fmt: skip


def test_every_script_passes_the_strict_type_check(tmp_path: Path):
    npx = shutil.which("npx")
    if not npx:
        pytest.skip("no npx: install Node.js to check the scripts' types")
    scripts = sorted(map(str, ASSETS.glob("*.js")))
    checked = subprocess.run(
        [npx, "--yes", "--package", TYPESCRIPT, "tsc", *STRICT, *scripts],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    # TypeScript tells its findings on stdout; npx, that it cannot get it, elsewhere.
    if checked.returncode and not checked.stdout:
        pytest.skip(f"npx cannot provide {TYPESCRIPT}: {checked.stderr[-200:]}")
    assert checked.returncode == 0, checked.stdout
