"""The server that the tests of results have, for verbs that change what it reads."""

from tests.results.conftest import (  # noqa: F401 - fixtures
    client,
    database,
    log_signer,
    postgres,
    runners,
    sealed,
    serving,
    signer,
    statement,
    verb,
)
