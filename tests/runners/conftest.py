"""The server and the small archive that the tests of results have, and this machine's own log."""

import os
import tomllib

import pytest

from tests.results.conftest import (  # noqa: F401 - fixtures
    client,
    database,
    empty_tables,
    home,
    log_signer,
    payload,
    postgres,
    runners,
    sealed,
    serving,
    signer,
    statement,
    verb,
)


@pytest.fixture
def environment(tmp_path, monkeypatch, unprobed):
    """A folder of its own for this machine's keys, for this process and those it starts.

    The models' cache is shared with the user's runs: generating one takes seconds.
    """
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "home"))
    return dict(os.environ)


@pytest.fixture
def api(environment, fenmark, runners, serving):  # noqa: F811 - fixtures
    """URL of a submission API that knows this machine's key."""
    key = fenmark("keys", "new").stdout
    (runners / f"{tomllib.loads(key)['id']}.toml").write_text(key)
    with serving() as client:  # noqa: F811
        yield str(client.base_url)
