"""`fenmark witness`: hold a log's operator to one history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["witness"]

_ONE_MEMORY = "a witness has one memory of what it saw: stop the other first"


def witness(
    data: Annotated[Path, typer.Option(help="Folder of its key and of the checkpoints it saw.")],
    log_key: Annotated[
        list[Path], typer.Option(help="Key file of a log to witness (its /v1/key); repeatable.")
    ],
    name: Annotated[str, typer.Option(help="Name of its cosignatures, such as lab.example/w1.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8001,
) -> None:
    """Cosign checkpoints that extend what was seen before (C2SP tlog-witness).

    Prints the lines for a policy file on first use, then one line when it listens.

    Example: fenmark witness --name lab.example/w1 --data witness --log-key log.toml
    """
    from results.keys import keyfile
    from results.keys.identity import read_key_file, read_runner
    from results.proof import checkpoint
    from results.proof.witness import Witness, create_app
    from results.service.connections import bound, listen
    from results.service.limits import SenderLimits
    from suites.base.locks import held
    from suites.base.terminal import Terminal

    key = data / "witness.pem"
    signer = keyfile.load(key) if key.exists() else keyfile.create(key)
    runners = [read_runner(read_key_file(path), str(path)) for path in log_key]
    logs = {
        f"{place}/{runner.id}": checkpoint.ed25519_bytes(runner.key.to_dict())
        for runner in runners
        for place in ("fenmark.log", "fenmark.local")  # a server's log, a machine's own archive
    }
    public = signer.public_key.to_dict()["keyval"]["public"]
    terminal = Terminal(stderr=True)
    for line in ("[[witness]]", f'name = "{name}"', f'public_key = "{public}"'):
        terminal.say(line)
    app = create_app(Witness(name=name, signer=signer, logs=logs, home=data))
    held_here = held(data, busy="is open in another process", remedy=_ONE_MEMORY)
    with held_here, bound(host, port) as (listener, url):
        listen(app, listener, url, SenderLimits(), {})
