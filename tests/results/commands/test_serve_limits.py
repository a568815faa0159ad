"""Options of `fenmark serve` that say how much anybody may have."""

import resource
import subprocess
import sys

import pytest

FENMARK = [sys.executable, "-c", "from runners.cli import main; main()"]


def test_a_server_takes_as_many_files_as_it_may(tmp_path):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = ["sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh"]
    options = ["--port", "0", "--data", str(tmp_path), "--trusted-proxy", "10.0.0.0/8"]
    with subprocess.Popen(
        [*few, *FENMARK, "serve", *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            assert server.stdout.readline().startswith(b"listening on http://127.0.0.1:")
            assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE) == (hard, hard)
        finally:
            server.kill()


@pytest.mark.parametrize("network", ["0.0.0.0/0", "proxy.example", "10.0.0.1/8"])
def test_a_network_of_proxies_that_is_none_is_one_line_before_anything_is_written(
    capsys, monkeypatch, tmp_path, network
):
    from runners.cli import main

    arguments = ["fenmark", "serve", "--data", str(tmp_path / "data"), "--trusted-proxy", network]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "--trusted-proxy" in line
    assert not (tmp_path / "data").exists()
