"""The small archive and the server that the tests of results have, for what is sent there."""

from tests.results.conftest import (  # noqa: F401 - fixtures
    client,
    database,
    home,
    log_signer,
    payload,
    postgres,
    runners,
    sealed,
    serving,
    signer,
    statement,
)
