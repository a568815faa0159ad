"""Show a built site on this machine."""

from __future__ import annotations

import gzip
import io
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

from suites.base.errors import UserError
from suites.base.terminal import Terminal

__all__ = ["preview", "server"]

_TEXTS = {".html", ".css", ".js", ".json", ".svg", ".csv"}


class _Quiet(SimpleHTTPRequestHandler):
    """Serve files, texts compressed as any real host does."""

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        """Send the headers and return what follows them."""
        path = Path(self.translate_path(self.path))
        path = (
            path / "index.html" if path.is_dir() and self.path.split("?")[0].endswith("/") else path
        )
        missing = not path.exists()
        path = Path(self.directory) / "404.html" if missing else path
        willing = "gzip" in self.headers.get("Accept-Encoding", "")
        if not willing or path.suffix not in _TEXTS or not path.is_file():
            return super().send_head()
        data = gzip.compress(path.read_bytes(), mtime=0)
        self.send_response(HTTPStatus.NOT_FOUND if missing else HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        return io.BytesIO(data)

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
        Terminal().say(f"  http://127.0.0.1:{listening.server_port}/ (Ctrl-C ends it)")
        listening.serve_forever()
