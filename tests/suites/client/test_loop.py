"""The loop has as many files as the system lets it."""

from __future__ import annotations

import asyncio

import pytest

from suites.client.loop import run_loop

resource = pytest.importorskip("resource")


def test_a_low_limit_on_open_files_is_raised_by_itself():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        run_loop(asyncio.sleep(0))
        raised, kept = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert kept == hard
        assert raised > 256 or hard == 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
