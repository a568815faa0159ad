"""Show a built site on this machine."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from suites.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["preview", "server"]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the reader looks at the browser."""


def server(root: Path, port: int) -> ThreadingHTTPServer:
    """Listen on the loopback address only.

    Raises:
        UserError: the port is taken.
    """
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(root)))
    except OSError as error:
        raise UserError(
            f"cannot listen: {error.strerror}", where=f"port {port}", remedy="choose another --port"
        ) from error


def preview(root: Path, port: int) -> None:
    """Serve until Ctrl-C."""
    with server(root, port) as listening:
        print(f"  http://127.0.0.1:{listening.server_port}/ (Ctrl-C ends it)")
        listening.serve_forever()
