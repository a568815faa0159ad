"""OpenID Connect identity tokens (JWT): whose is this, by an issuer that the operator lists.

A token is believed if a listed issuer signed it with a listed algorithm, it is fresh, made for this
board and for the very key that is to be registered. The issuer's keys are fetched over HTTPS with
bounds, kept for ten minutes, and asked for again at most once a minute, whatever strangers send.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from results.service.problem import Problem
from results.statement import strict_json
from suites.base.errors import UserError
from suites.base.printable import printable
from suites.client.bounded_answers import BoundedTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from results.service.issuers import Issuer

__all__ = ["MOST_CHARACTERS", "IdTokens", "TokenHolder", "fetch_keys"]

MOST_CHARACTERS = 8192
_FRESH_S = 600  # that keys are taken as they were
_USABLE_S = 86_400  # that they are, if their issuer does not answer
_AGAIN_S = 60  # at most so often an issuer is asked
_LEEWAY_S = 60  # between clocks
_MOST_AGE_S = 3600
_MOST_BYTES, _LONGEST_S = 2**16, 10.0
_MOST_KEYS = 32
_LEAST_BITS = 2048
_REQUIRED = ["iss", "aud", "sub", "iat", "exp"]


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Who a token says its holder is.

    Attributes:
        owner: whose runners they may register.
        name: issuer, organization and holder, for the record.
    """

    owner: str
    name: str


class _NoKeysError(Exception):
    """The issuer's keys cannot be had, and why."""


def fetch_keys(url: str) -> list[Any]:
    """Fetch a JSON Web Key Set (RFC 7517): 64 KiB and ten seconds at most, no redirect.

    Raises:
        httpx.HTTPError: no answer, or none within the bounds.
        UserError: it is not a key set.
    """
    transport = BoundedTransport(most_bytes=_MOST_BYTES, longest_s=_LONGEST_S)
    with httpx.Client(transport=transport, timeout=5) as client:
        answer = client.get(url)
    if answer.status_code != 200:
        raise UserError(f"answers {answer.status_code}", where=url, expected="a key set")
    match strict_json.loads(answer.content, url):
        case {"keys": list(keys)}:
            return keys[:_MOST_KEYS]
        case _:
            raise UserError("is not a key set", where=url, expected='{"keys": […]}')


@dataclass(slots=True)
class _Keys:
    """The public keys of one issuer, as far as they are known."""

    issuer: Issuer
    fetch: Callable[[str], list[Any]]
    clock: Callable[[], float]
    _known: dict[str, jwt.PyJWK] = field(default_factory=dict)
    _read_at: float | None = None
    _asked_at: float | None = None

    def named(self, kid: str) -> jwt.PyJWK | None:
        """Return the key of an id; asks for the keys where these are old or lack it.

        Raises:
            _NoKeysError: none are known.
        """
        now = self.clock()
        if self._read_at is None or now - self._read_at > _FRESH_S or kid not in self._known:
            self._refresh(now)
        return self._known.get(kid)

    def _refresh(self, now: float) -> None:
        fault = "they were asked for a moment ago"
        if self._asked_at is None or now - self._asked_at >= _AGAIN_S:
            self._asked_at = now
            try:
                read = [_key(key, self.issuer) for key in self.fetch(self.issuer.jwks)]
                self._known = {key.key_id: key for key in read if key and key.key_id}
                self._read_at = now
            except (httpx.HTTPError, httpx.InvalidURL, UserError) as error:
                fault = str(error) or type(error).__name__
        if self._read_at is None or now - self._read_at > _USABLE_S:
            raise _NoKeysError(fault)


def _key(described: Any, issuer: Issuer) -> jwt.PyJWK | None:
    """Read one key; None where it is of no use here, as keys of other kinds are."""
    match described:
        case {"kty": "RSA", **more}:
            algorithm = "RS256"
        case {"kty": "EC", "crv": "P-256", **more}:
            algorithm = "ES256"
        case _:
            return None
    if algorithm not in issuer.algorithms or more.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(described, algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    weak = isinstance(key.key, RSAPublicKey) and key.key.key_size < _LEAST_BITS
    return None if weak else key


class IdTokens:
    """Believes tokens of the issuers in a table, one after another in a thread of its own."""

    def __init__(
        self,
        issuers: Sequence[Issuer],
        *,
        fetch: Callable[[str], list[Any]] = fetch_keys,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with no keys.

        Args:
            fetch: gives the keys at an address; raises as `fetch_keys`.
            clock: seconds that never go back.
        """
        self._issuers = {issuer.issuer: _Keys(issuer, fetch, clock) for issuer in issuers}
        # An issuer that does not answer holds up those who bring a token, and nobody else.
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="id-tokens")

    def identity(self, token: str, keyid: str) -> TokenHolder:
        """Say whose a token is.

        Args:
            keyid: of the key that is to be registered.

        Raises:
            Problem: 422, it does not count, and why; 503, its issuer's keys cannot be had.
        """
        try:
            return self._believed(token, keyid)
        except _NoKeysError as error:
            raise Problem(
                503,
                "issuer",
                f"the keys of the token's issuer cannot be had: {error}",
                errors=[{"retry_after_s": _AGAIN_S}],
            ) from error
        # Of what strangers write PyJWT lets some errors of Python through.
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise _refused(_WHY.get(type(error), "is not a signed JSON Web Token")) from error

    def _believed(self, token: str, keyid: str) -> TokenHolder:
        if len(token) > MOST_CHARACTERS or not token.isascii():
            raise _refused(f"is not JSON Web Token of at most {MOST_CHARACTERS} characters")
        header = jwt.get_unverified_header(token)
        unproven = jwt.decode(token, options={"verify_signature": False})
        named = unproven.get("iss")
        keys = self._issuers.get(named) if isinstance(named, str) else None
        if keys is None:
            raise _refused("is of an issuer that is not listed here")
        issuer = keys.issuer
        if header.get("alg") not in issuer.algorithms:
            raise _refused(f"is not signed with {' or '.join(issuer.algorithms)}")
        key = keys.named(str(header.get("kid", "")))
        if key is None:
            raise _refused("is signed with a key that its issuer does not list")
        behind = f"#{keyid}" if issuer.key_in == "audience" else ""
        claims = jwt.decode(
            token,
            key,
            algorithms=issuer.algorithms,
            issuer=issuer.issuer,
            audience=f"{issuer.audience}{behind}",
            leeway=_LEEWAY_S,
            options={"require": _REQUIRED, "strict_aud": True},
        )
        if issuer.key_in == "nonce" and claims.get("nonce") != keyid:
            raise _refused("does not name this key as its nonce")
        if time.time() - claims["iat"] > _MOST_AGE_S + _LEEWAY_S:
            raise _refused("was issued more than an hour ago")
        return _identity(issuer, claims)


def _identity(issuer: Issuer, claims: dict[str, Any]) -> TokenHolder:
    organization_claim = claims.get(issuer.organization_claim)
    organization = str(organization_claim) if isinstance(organization_claim, str | int) else ""
    owner = issuer.organizations.get(organization)
    if owner is None:
        raise _refused(f"is of no organization listed here, by its {issuer.organization_claim}")
    name = f"{issuer.issuer} {issuer.organization_claim}={organization} sub={claims['sub']}"
    return TokenHolder(owner, printable(name, 512))


_WHY: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "has expired",
    jwt.ImmatureSignatureError: "is not valid yet",
    jwt.InvalidAudienceError: "is made for another board or another key",
    jwt.InvalidIssuedAtError: "does not say when it was issued",
    jwt.InvalidSignatureError: "has a signature that does not hold",
    jwt.MissingRequiredClaimError: f"lacks one of {', '.join(_REQUIRED)}",
}


def _refused(why: str) -> Problem:
    return Problem(422, "identity", f"the identity token {why}")
