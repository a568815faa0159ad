"""The endpoint under test and the exact bytes of a request to it."""

from __future__ import annotations

import json
import os
import re
import ssl
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import quote, urlsplit

from suites.base.errors import UserError
from suites.base.web_address import ascii_host, is_usable, names_somebody
from suites.client.vocabulary import IDS, PIECE_BYTES, UNIQUE_TOKENS, WORDS, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "POOLED",
    "Api",
    "Target",
    "addresses",
    "key_from",
    "least_tokens",
]

Api = Literal["completions", "chat", "responses", "embeddings", "rerank"]
# Each puts a prompt in and takes vectors or scores out, whole: nothing is generated.
POOLED = frozenset({"embeddings", "rerank"})

# vLLM and SGLang read `ignore_eos` and `min_tokens`, llama.cpp `ignore_eos` and `n_predict`.
_EXTRAS = ("min_tokens", "n_predict", "ignore_eos")
_PATHS: dict[Api, str] = {
    "completions": "/completions",
    "chat": "/chat/completions",
    "responses": "/responses",
    "embeddings": "/embeddings",
    "rerank": "/rerank",
}
# What comes before a prompt in a body, and behind it.
_AROUND: dict[Api, tuple[str, str]] = {
    "completions": (',"prompt":', "}"),
    "chat": (',"messages":[{"role":"user","content":', "}]}"),
    "responses": (',"input":[{"role":"user","content":', "}]}"),
    "embeddings": (',"input":', "}"),
    "rerank": (',"query":', "]}"),
}
# Questions are short, whatever the documents are.
_MOST_OF_QUERY = 32
# An address may hold a comma; two of them have it between them.
_BETWEEN = re.compile(r", *(?=https?://)")
# Of a path or a query.
_AS_GIVEN = "/%:@!$&'()*+,;=~-._?[]{}|"
# A path that says its version, such as /api/v3 or /v1beta/openai, is used as it is given.
_VERSION = re.compile(r"/v\d+[a-z]*\d*(/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An OpenAI-compatible server.

    Attributes:
        url: base URL: `http://host:8000`, or with a path as the server's makers give it,
            `…/v1`, `…/api/v3`, `…/v1beta/openai`, or the whole of `…/chat/completions?version=x`.
        more: further addresses of the same service; requests are spread over all.
        model: the name it serves.
        api: "completions" and "embeddings" take token ids, so prompts are exact; the others text.
        key: never printed, logged or written to a result.
        key_header: that brings it; "" for a bearer token in the usual one.
        headers: further header lines.
        words: what prompts of text are made of; without, ids or the usual words.
        natural: answers end where the model ends them; `extras` are not sent.
        documents: that a question is ranked against in one request of "rerank".
        max_tokens_field: name under which the most output tokens are asked for, "" for the usual.
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
    more: Sequence[str] = ()
    api: Api = "completions"
    key: str | None = field(default=None, repr=False)
    key_header: str = ""
    headers: Sequence[tuple[str, str]] = ()
    words: Vocabulary | None = None
    extras: Sequence[str] = _EXTRAS
    natural: bool = False
    documents: int = 8
    max_tokens_field: str = ""
    each_counts: bool = False
    body: dict[str, Any] = field(default_factory=dict)
    without: Sequence[str] = ()
    ca: str = ""
    insecure: bool = False

    def __post_init__(self) -> None:
        """Check the URL.

        Raises:
            UserError: it is not an http or https URL with a host, or another differs in its path.
        """
        for url in self.urls:
            _check_url(url)
        paths = {(urlsplit(url).path.rstrip("/"), urlsplit(url).query) for url in self.urls}
        if len(paths) > 1 or len(set(self.urls)) < len(self.urls):
            raise UserError(
                "addresses of one service with other paths, or one of them twice",
                where="endpoint",
                expected="addresses that differ in host or port alone",
            )

    @property
    def urls(self) -> tuple[str, ...]:
        """All addresses."""
        return (self.url, *self.more)

    def alone(self, place: int) -> Target:
        """The same at one of the addresses."""
        return replace(self, url=self.urls[place], more=())

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
        return self.words or (IDS if self.api in {"completions", "embeddings"} else WORDS)

    @property
    def pooled(self) -> int:
        """Vectors or scores that a request is answered with; 0 where tokens are generated."""
        return {"embeddings": 1, "rerank": self.documents}.get(self.api, 0)

    @property
    def least_tokens(self) -> int:
        """Input tokens that a request has at least."""
        return least_tokens(self.api, self.documents)

    @property
    def chats(self) -> bool:
        """Whether a prompt is a list of messages."""
        return self.api in {"chat", "responses"}

    @property
    def isl_by(self) -> str:
        """How the length of a prompt is known, as rows say it."""
        kind = self.vocabulary.kind
        if self.api == "rerank":
            return f"{kind}; question counted once"
        return f"{kind}; chat template not counted" if self.chats else kind

    @property
    def host(self) -> str:
        return ascii_host(urlsplit(self.url).hostname)

    @property
    def address(self) -> str:
        """Where requests go."""
        return f"{urlsplit(self.url).scheme}://{self.authority}{self._path}"

    @property
    def listing(self) -> str:
        """Where the models are listed, beside what requests go to."""
        path, _, query = self._path.partition("?")
        place = path.removesuffix(_PATHS[self.api]) + "/models"
        return f"{urlsplit(self.url).scheme}://{self.authority}{place}{f'?{query}' * bool(query)}"

    @property
    def authority(self) -> str:
        """Host and port, as a request names them."""
        parts = urlsplit(self.url)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{parts.port}" if parts.port else host

    @property
    def _path(self) -> str:
        parts = urlsplit(self.url)
        path, last = parts.path.rstrip("/"), _PATHS[self.api]
        if not path.endswith(last):
            path += last if _VERSION.search(path) else f"/v1{last}"
        place, query = (quote(part, safe=_AS_GIVEN) for part in (path, parts.query))
        return f"{place}{f'?{query}' * bool(query)}"

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What secures the connection, None over plain HTTP; one for all connections.

        Raises:
            UserError: `ca` is not a file of certificates.
        """
        return _context(self.ca, self.insecure) if self.url.startswith("https:") else None

    def head(self) -> bytes:
        """Head of every request, up to the number of bytes in its body."""
        lines = [
            f"POST {self._path} HTTP/1.1",
            f"Host: {self.authority}",
            "Content-Type: application/json",
            f"Accept: {'application/json' if self.pooled else 'text/event-stream'}",
            *(f"{name}: {value}" for name, value in self.own_headers),
            "Content-Length: ",
        ]
        return "\r\n".join(lines).encode("latin-1")

    @property
    def own_headers(self) -> tuple[tuple[str, str], ...]:
        """Those of the user's, the key among them."""
        if not self.key:
            return tuple(self.headers)
        plain = ("Authorization", f"Bearer {self.key}")
        return (*self.headers, (self.key_header, self.key) if self.key_header else plain)

    def frame(self, output_tokens: int) -> tuple[bytes, bytes]:
        """What stands before and after the prompt in a body asking for exactly these tokens."""
        body = {"model": self.model} | ({} if self.pooled else self._generating(output_tokens))
        body = {name: value for name, value in body.items() if name not in self.without} | self.body
        start = json.dumps(body, separators=(",", ":")).removesuffix("}")
        before, after = _AROUND[self.api]
        opening, closing = '""' if self.vocabulary.is_text else "[]"
        return f"{start}{before}{opening}".encode(), f"{closing}{after}".encode()

    def _generating(self, output_tokens: int) -> dict[str, Any]:
        exactly = {"min_tokens": output_tokens, "n_predict": output_tokens, "ignore_eos": True}
        options = {"include_usage": True} | (
            {"continuous_usage_stats": True} if self.each_counts else {}
        )
        usual = "max_output_tokens" if self.api == "responses" else "max_tokens"
        return {
            self.max_tokens_field or usual: output_tokens,
            **({} if self.natural else {name: exactly[name] for name in self.extras}),
            "temperature": 0,
            "stream": True,
            # The Responses API counts by itself and knows no such option.
            **({} if self.api == "responses" else {"stream_options": options}),
        }

    def ranked(self, text: bytes) -> bytes:
        """A prompt as a question and the documents it is ranked against."""
        pieces = (len(text) + 1) // PIECE_BYTES
        asked = min(_MOST_OF_QUERY, pieces // (self.documents + 1))
        each = (pieces - asked) / self.documents
        ends = [asked + round(each * number) for number in range(self.documents + 1)]
        parts = [text[PIECE_BYTES * a : PIECE_BYTES * b - 1] for a, b in pairwise(ends)]
        documents = b'","'.join(parts)
        return text[: PIECE_BYTES * asked - 1] + b'","documents":["' + documents

    @staticmethod
    def joined(messages: Sequence[bytes]) -> bytes:
        """Contents of a chat's messages, by the user and the assistant in turn, in one."""
        roles = (b"user", b"assistant")
        return messages[0] + b"".join(
            b'"},{"role":"%b","content":"%b' % (roles[place % 2], message)
            for place, message in enumerate(messages[1:], start=1)
        )


def least_tokens(api: Api, documents: int) -> int:
    """Input tokens of a request at least: so many number each of its parts, and one more."""
    return UNIQUE_TOKENS * (documents + 1 if api == "rerank" else 1) + 1


def addresses(text: str) -> list[str]:
    """Split what `--endpoint` gives: one address, or several with commas between."""
    return _BETWEEN.split(text)


def _check_url(url: str) -> None:
    if names_somebody(url):
        raise UserError(
            "a name or a password in the endpoint's address",
            where="endpoint",
            expected="a URL such as http://host:8000",
            remedy="give a key by --api-key-env, other credentials by --header",
        )
    if not is_usable(url):
        raise UserError(
            f"not a usable endpoint {url!r}",
            where="endpoint",
            expected="a URL such as http://host:8000",
        )


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
    if not (value.isascii() and value.isprintable()):
        raise UserError(
            f"environment variable {variable} holds other than letters, digits and signs",
            where="api_key_env",
            expected="the endpoint's API key in it",
            remedy="take line ends out of it",
        )
    return value
