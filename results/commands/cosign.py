"""`fenmark cosign`: bring an archive's checkpoint to witnesses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["cosign"]


def cosign(
    directory: Annotated[Path, typer.Argument(help="An archive, such as out/results.")],
    witness: Annotated[list[str], typer.Option(help="URL of a witness; repeatable.")],
) -> None:
    """Ask witnesses to cosign the log of this machine's own archive; writes log/cosigned.

    A server does the same by itself (`fenmark serve --witness URL`). Readers then hold the log
    to their policy with `fenmark verify --policy`.

    Example: fenmark cosign out/results --witness http://127.0.0.1:8001
    """
    import asyncio

    import httpx

    from results.proof.ledger import Ledger
    from results.service.cosigning import Cosigning
    from suites.base.errors import CheckError, UserError
    from suites.base.terminal import Terminal

    ledger = Ledger(directory / "log")
    if not ledger.exists():
        raise UserError("holds no log", where=str(directory), expected="an archive with log/")

    cosigning = Cosigning(ledger=ledger, witnesses=witness)

    async def gather() -> bool:
        async with httpx.AsyncClient(timeout=10) as client:
            return await cosigning.gather(client)

    if not asyncio.run(gather()):
        faults = "; ".join(f"{url}: {fault}" for url, fault in cosigning.faults.items())
        raise CheckError(
            f"not every witness cosigned the checkpoint ({faults})",
            where=str(directory),
            expected=f"{len(witness)} cosignatures",
            remedy="a witness must know the log's key (--log-key) and have seen no other history",
        )
    Terminal().say(f"cosigned by {len(witness)}: {ledger.home / 'cosigned'}")
