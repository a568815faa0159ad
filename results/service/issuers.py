"""The operator's table of OpenID Connect issuers, and which organizations they may name.

A file of `[[issuer]]` tables. A preset fills in what is public of GitHub, GitLab and Google; of any
other issuer the operator says it: its URL, its keys, their algorithms, the claim that names an
organization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from results.keys.owner_names import name_fault
from results.statement.texts import LINE
from suites.base import toml_file
from suites.base.errors import UserError
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PRESETS", "Issuer", "read_issuers"]

_Https = Annotated[str, Field(max_length=512, pattern=r"^https://[^\s/?#@]+(/[^\s?#]*)?$")]
_Line = Annotated[str, Field(min_length=1, max_length=256, pattern=LINE)]
# Signatures by one key alone: with a secret that both sides know anybody's token would hold.
_Algorithm = Literal["RS256", "ES256"]

# Names of organizations can be given up and taken by others; numbers are never given twice.
PRESETS: dict[str, dict[str, Any]] = {
    "github": {  # jobs of GitHub Actions
        "issuer": "https://token.actions.githubusercontent.com",
        "jwks": "https://token.actions.githubusercontent.com/.well-known/jwks",
        "algorithms": ["RS256"],
        "organization_claim": "repository_owner_id",
        "key_in": "audience",
    },
    "gitlab": {  # jobs of GitLab.com
        "issuer": "https://gitlab.com",
        "jwks": "https://gitlab.com/oauth/discovery/keys",
        "algorithms": ["RS256"],
        "organization_claim": "namespace_id",
        "key_in": "audience",
    },
    "google": {  # people of a Google Workspace, who log in to the operator's client
        "issuer": "https://accounts.google.com",
        "jwks": "https://www.googleapis.com/oauth2/v3/certs",
        "algorithms": ["RS256"],
        "organization_claim": "hd",
        "key_in": "nonce",
    },
}


class Issuer(StrictModel):
    """Whose tokens count, and for whom.

    Attributes:
        issuer: its URL, as tokens name it.
        jwks: where its public keys are.
        algorithms: with which it signs; no other counts.
        audience: for whom its tokens are made.
        organization_claim: name of the claim that says whose the holder is.
        key_in: where a token names the key that it was asked for, so that no other can be
            registered with it: behind the audience, as `AUDIENCE#KEYID`, or as its nonce.
        organizations: value of that claim, and the one owner whose runners it may register.
    """

    preset: Literal["github", "gitlab", "google"] | None = None
    issuer: _Https
    jwks: _Https
    algorithms: Annotated[list[_Algorithm], Field(min_length=1)]
    audience: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\s#]+$")]
    organization_claim: _Line
    key_in: Literal["audience", "nonce"]
    organizations: Annotated[dict[_Line, _Line], Field(min_length=1, max_length=1000)]

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        preset = PRESETS.get(str(given.get("preset"))) if isinstance(given, dict) else None
        return {**preset, **given} if preset else given

    @model_validator(mode="after")
    def _owners_can_be_read(self) -> Issuer:
        for owner in self.organizations.values():
            if fault := name_fault(owner):
                raise ValueError(f"{owner!r} {fault}")
        return self


class _Table(StrictModel):
    issuer: Annotated[list[Issuer], Field(min_length=1, max_length=100)]


def read_issuers(path: Path) -> tuple[Issuer, ...]:
    """Read the table.

    Raises:
        UserError: it does not fit, or names an issuer twice.
    """
    issuers = toml_file.read_model(path, _Table, expected="[[issuer]] tables").issuer
    urls = [issuer.issuer for issuer in issuers]
    for url in urls:
        if urls.count(url) > 1:
            raise UserError(f"names {url} twice", where=f"{path}:issuer", expected="each once")
    return tuple(issuers)
