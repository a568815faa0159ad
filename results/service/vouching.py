"""Registrations that need no administrator: of workflows of organizations that the operator lists.

What vouches is Sigstore's certificate, under the root of trust that the operator keeps here: the
one in a stranger's key file would vouch for anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.keys.keyless import GITHUB, KeylessKey

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

    from results.keys.identity import Runner

__all__ = ["Vouching"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouching:
    """Whose workflows are registered by themselves.

    Attributes:
        organizations: `https://github.com/OWNER`, each.
        trusted_root: Sigstore's, byte for byte.
        signer: the log's own key, which has to be an administrator's.
    """

    organizations: tuple[str, ...]
    trusted_root: str
    signer: Signer

    def identity(self, runner: Runner) -> str:
        """Return the identity that is enough to register a runner; empty where it is not.

        The job's repository and the workflow that signs have to be of one listed organization,
        and the owner it names has to be that organization: nobody else has looked at the name.
        """
        key = runner.key
        if not isinstance(key, KeylessKey) or key.caller is None:
            return ""
        if key.trusted_root != self.trusted_root or key.keyval["issuer"] != GITHUB:
            return ""
        identity = str(key.keyval["identity"])
        for one in self.organizations:
            inside = f"{one}/"
            named = runner.owner == one.rpartition("/")[2]
            if named and all(
                place.startswith(inside) for place in (key.caller.source_repository, identity)
            ):
                return identity
        return ""
