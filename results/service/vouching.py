"""Registrations that need no administrator: of organizations that the operator lists.

What vouches for a workflow is Sigstore's certificate, under the root of trust that the operator
keeps here: the one in a stranger's key file would vouch for anything. For any other key it is an
identity token of an issuer in the operator's table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.keys.keyless import GITHUB, KeylessKey

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

    from results.keys.identity import Runner
    from results.service.id_tokens import IdTokens

__all__ = ["Vouching"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouching:
    """Whose runners are registered by themselves.

    Attributes:
        signer: the log's own key, which has to be an administrator's.
        organizations: `https://github.com/OWNER`, each, whose workflows are.
        trusted_root: Sigstore's, byte for byte.
        tokens: tells whose an identity token is; None: none counts.
    """

    signer: Signer
    organizations: tuple[str, ...] = ()
    trusted_root: str = ""
    tokens: IdTokens | None = None

    def identity(self, runner: Runner) -> str:
        """Return the workflow that is enough to register a runner; empty where it is not.

        The job's repository and the workflow that signs have to be of one listed organization,
        and the owner it names has to be that organization: nobody else has looked at the name.
        """
        key = runner.key
        if not isinstance(key, KeylessKey) or key.caller is None:
            return ""
        if key.trusted_root != self.trusted_root or key.keyval["issuer"] != GITHUB:
            return ""
        identity = str(key.keyval["identity"])
        for listed in self.organizations:
            inside = f"{listed}/"
            named = runner.owner == listed.rpartition("/")[2]
            if named and all(
                place.startswith(inside) for place in (key.caller.source_repository, identity)
            ):
                return identity
        return ""
