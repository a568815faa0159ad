"""The endpoint under test and the exact bytes of a request to it."""

from __future__ import annotations

import json
import os
import ssl
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

from suites.base.errors import UserError
from suites.client.vocabulary import IDS, WORDS, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Api", "Target", "key_from"]

Api = Literal["completions", "chat"]

# vLLM and SGLang read `ignore_eos` and `min_tokens`, llama.cpp `ignore_eos` and `n_predict`.
_EXTRAS = ("min_tokens", "n_predict", "ignore_eos")
_PATHS = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An OpenAI-compatible server.

    Attributes:
        url: base URL without the API path; a path prefix such as ".../openai" is kept.
        model: the name it serves.
        api: "completions" takes token ids, hence exact prompts; "chat" takes text.
        key: bearer token; never printed, logged or written to a result.
        headers: further header lines.
        words: what prompts of text are made of; without, ids or the usual words.
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
        usable = parts.scheme in {"http", "https"} and parts.hostname and port != 0
        if not usable or parts.query or parts.username:
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
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What secures the connection, None over plain HTTP."""
        return ssl.create_default_context() if self.url.startswith("https:") else None

    def head(self) -> bytes:
        """Head of every request, up to the number of bytes in its body."""
        parts = urlsplit(self.url)
        prefix = parts.path.rstrip("/").removesuffix("/v1")
        lines = [
            f"POST {prefix}{_PATHS[self.api]} HTTP/1.1",
            f"Host: {parts.netloc}",
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
            "max_tokens": output_tokens,
            **{name: exactly[name] for name in self.extras},
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
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
