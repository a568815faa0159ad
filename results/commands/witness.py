"""`fenmark witness`: hold a log's operator to one history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["witness"]


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
    from results import checkpoint, keyfile
    from results.commands.serve import listen
    from results.identity import read_runner
    from results.witness import Witness, create_app

    place = data / "witness.pem"
    signer = keyfile.load(place) if place.exists() else keyfile.create(place)
    runners = [read_runner(path.read_text(), str(path)) for path in log_key]
    logs = {
        f"fenmark.log/{runner.id}": checkpoint.ed25519_bytes(runner.key.to_dict())
        for runner in runners
    }
    public = signer.public_key.to_dict()["keyval"]["public"]
    typer.echo(f'[[witness]]\nname = "{name}"\npublic_key = "{public}"', err=True)
    listen(create_app(Witness(name=name, signer=signer, logs=logs, home=data)), host, port)
