"""The endpoint under test and the exact bytes of a request to it."""

from __future__ import annotations

import json
import os
import re
import ssl
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import quote, urlsplit

from suites.base.errors import UserError
from suites.client.vocabulary import IDS, WORDS, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Api", "Target", "key_from"]

Api = Literal["completions", "chat"]

# vLLM and SGLang read `ignore_eos` and `min_tokens`, llama.cpp `ignore_eos` and `n_predict`.
_EXTRAS = ("min_tokens", "n_predict", "ignore_eos")
_PATHS = {"completions": "/completions", "chat": "/chat/completions"}
# A path that says its version, such as /api/v3 or /v1beta/openai, is used as it is given.
_VERSION = re.compile(r"/v\d+[a-z]*\d*(/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An OpenAI-compatible server.

    Attributes:
        url: base URL: `http://host:8000`, or with a path as the server's makers give it,
            `…/v1`, `…/api/v3`, `…/v1beta/openai`, or the whole of `…/chat/completions?version=x`.
        model: the name it serves.
        api: "completions" takes token ids, hence exact prompts; "chat" takes text.
        key: bearer token; never printed, logged or written to a result.
        headers: further header lines.
        words: what prompts of text are made of; without, ids or the usual words.
        natural: answers end where the model ends them; `extras` are not sent.
        max_tokens_field: name under which the most output tokens are asked for.
        each_counts: ask for a count in every event, as vLLM and SGLang give it.
        body: further fields of every request, which win over ours.
        without: fields of ours that are left out.
        ca: file of certificate authorities in place of the system's, "" for these.
        insecure: take any certificate.
        extras: fields beyond OpenAI's that ask for exactly so many tokens; all known ones where
            the engine is not known, since most ignore what they do not know.
    """

    url: str
    model: str
    api: Api = "completions"
    key: str | None = field(default=None, repr=False)
    headers: Sequence[tuple[str, str]] = ()
    words: Vocabulary | None = None
    extras: Sequence[str] = _EXTRAS
    natural: bool = False
    max_tokens_field: str = "max_tokens"
    each_counts: bool = False
    body: dict[str, Any] = field(default_factory=dict)
    without: Sequence[str] = ()
    ca: str = ""
    insecure: bool = False

    def __post_init__(self) -> None:
        """Check the URL.

        Raises:
            UserError: it is no http or https URL with a host.
        """
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        usable = parts.scheme in {"http", "https"} and _ascii(parts.hostname) and port != 0
        if "@" in parts.netloc:
            raise UserError(
                "a name or a password in the endpoint's address",
                where="endpoint",
                expected="a URL such as http://host:8000",
                remedy="give a key by --api-key-env, other credentials by --header",
            )
        if not usable or not self.url.isprintable() or " " in self.url:
            raise UserError(
                f"not a usable endpoint {self.url!r}",
                where="endpoint",
                expected="a URL such as http://host:8000",
            )

    def to_json(self) -> dict[str, Any]:
        """For another process; it may hold the key."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read back what `to_json` gave."""
        words = data["words"]
        return cls(**{**data, "words": Vocabulary.from_json(words) if words else None})

    @property
    def vocabulary(self) -> Vocabulary:
        """What prompts are made of."""
        return self.words or (WORDS if self.api == "chat" else IDS)

    @property
    def isl_by(self) -> str:
        """How the length of a prompt is known, as rows say it."""
        kind = self.vocabulary.kind
        return f"{kind}; chat template not counted" if self.api == "chat" else kind

    @property
    def host(self) -> str:
        return _ascii(urlsplit(self.url).hostname)

    @property
    def address(self) -> str:
        """Where requests go."""
        return f"{urlsplit(self.url).scheme}://{self._authority}{self._path}"

    @property
    def _authority(self) -> str:
        parts = urlsplit(self.url)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{parts.port}" if parts.port else host

    @property
    def _path(self) -> str:
        parts = urlsplit(self.url)
        path, last = parts.path.rstrip("/"), _PATHS[self.api]
        if not path.endswith(last):
            path += last if _VERSION.search(path) else f"/v1{last}"
        return f"{quote(path, safe='/%:@!$&()*+,;=~-._')}{f'?{parts.query}' * bool(parts.query)}"

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What secures the connection, None over plain HTTP; one for all connections.

        Raises:
            UserError: `ca` is no file of certificates.
        """
        return _context(self.ca, self.insecure) if self.url.startswith("https:") else None

    def head(self) -> bytes:
        """Head of every request, up to the number of bytes in its body."""
        lines = [
            f"POST {self._path} HTTP/1.1",
            f"Host: {self._authority}",
            "Content-Type: application/json",
            "Accept: text/event-stream",
            *(f"{name}: {value}" for name, value in self.headers),
            *([f"Authorization: Bearer {self.key}"] if self.key else []),
            "Content-Length: ",
        ]
        return "\r\n".join(lines).encode("latin-1")

    def frame(self, output_tokens: int) -> tuple[bytes, bytes]:
        """What stands before and after the prompt in a body asking for exactly these tokens."""
        exactly = {"min_tokens": output_tokens, "n_predict": output_tokens, "ignore_eos": True}
        body: dict[str, Any] = {
            "model": self.model,
            self.max_tokens_field: output_tokens,
            **({} if self.natural else {name: exactly[name] for name in self.extras}),
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True}
            | ({"continuous_usage_stats": True} if self.each_counts else {}),
        }
        body = {name: value for name, value in body.items() if name not in self.without} | self.body
        start = json.dumps(body, separators=(",", ":")).removesuffix("}")
        if self.api == "chat":
            before, after = ',"messages":[{"role":"user","content":"', '"}]}'
        elif self.vocabulary.is_text:
            before, after = ',"prompt":"', '"}'
        else:
            before, after = ',"prompt":[', "]}"
        return (start + before).encode(), after.encode()

    @staticmethod
    def joined(messages: Sequence[bytes]) -> bytes:
        """Contents of a chat's messages, by the user and the assistant in turn, in one."""
        roles = (b"user", b"assistant")
        return messages[0] + b"".join(
            b'"},{"role":"%b","content":"%b' % (roles[place % 2], message)
            for place, message in enumerate(messages[1:], start=1)
        )


def _ascii(host: str | None) -> str:
    """A host's name as resolvers and servers take it, "" where it is none."""
    try:
        return (host or "").encode("idna").decode() if not (host or "").isascii() else host or ""
    except UnicodeError:
        return ""


@lru_cache
def _context(ca: str, insecure: bool) -> ssl.SSLContext:
    """Made once: reading the system's authorities takes as long as many a request."""
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise UserError(
            f"no certificates ({error.strerror or error})",
            where=f"--ca {ca}",
            expected="a PEM file",
        ) from error
    if insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def key_from(variable: str | None) -> str | None:
    """Read an API key from an environment variable.

    Raises:
        UserError: the variable is named but not set.
    """
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise UserError(
            f"environment variable {variable} is not set",
            where="api_key_env",
            expected="the endpoint's API key in it",
        )
    return value
