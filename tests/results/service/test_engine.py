"""The database of a store: whose it is, and when it is another's."""

import os
import signal
import threading

import pytest
from sqlalchemy import text

from results.service.engine import connect, only_server

HOLDER = text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_server_that_ended_is_gone_though_its_session_still_ends(tmp_path, database):
    with connect(tmp_path, database) as engine:
        with only_server(tmp_path, engine):
            with engine.connect() as asking:
                [[pid]] = asking.execute(HOLDER)
            os.kill(pid, signal.SIGSTOP)
            threading.Timer(0.3, os.kill, [pid, signal.SIGCONT]).start()
        with only_server(tmp_path, engine):
            pass
