"""Which CI job this is, as the CI says it: it goes into the statement."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from pydantic import ValidationError

from results.statement.statement import CiIdentity
from runners.ci.actions import active, annotate

__all__ = ["identity"]

_AUDIENCE = "fenmark"
_TIMEOUT_S = 10.0
# Field of the statement, claim of GitHub's token, variable of the runner.
_NAMES = (
    ("repository", "repository", "GITHUB_REPOSITORY"),
    ("workflow_ref", "workflow_ref", "GITHUB_WORKFLOW_REF"),
    ("job_workflow_ref", "job_workflow_ref", ""),
    ("commit", "sha", "GITHUB_SHA"),
    ("run_id", "run_id", "GITHUB_RUN_ID"),
    ("run_attempt", "run_attempt", "GITHUB_RUN_ATTEMPT"),
    ("event", "event_name", "GITHUB_EVENT_NAME"),
    ("runner_environment", "runner_environment", "RUNNER_ENVIRONMENT"),
)


def identity() -> CiIdentity | None:
    """Say which job this is: by the claims of its OIDC token, else by its variables.

    The token is asked for with an audience of ours and is not kept; only its claims are, which
    GitHub, and not the job, has written. A job without `id-token: write` has no token.
    """
    if not active():
        return None
    claims = _claims()
    fields = (
        {field: claims.get(claim) for field, claim, _ in _NAMES}
        if claims
        else {field: os.environ.get(variable) for field, _, variable in _NAMES}
    )
    try:
        return CiIdentity.model_validate(
            {"claimed_by": "oidc" if claims else "environment", **fields}
        )
    except ValidationError as error:
        # Another CI that speaks the same language may know less: the run is no worse for it.
        missing = ", ".join(sorted({str(complaint["loc"][0]) for complaint in error.errors()}))
        annotate("warning", f"the statement does not name this job: it does not say its {missing}")
        return None


def _claims() -> dict[str, Any] | None:
    import httpx

    url = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    bearer = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if not url or not bearer:
        return None
    try:
        answer = httpx.get(
            httpx.URL(url).copy_merge_params({"audience": _AUDIENCE}),
            headers={"Authorization": f"bearer {bearer}"},
            timeout=_TIMEOUT_S,
        )
        answer.raise_for_status()
        # header.payload.signature, base64url without padding (RFC 7515).
        payload = answer.json()["value"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        annotate("warning", f"GitHub gave no identity token: {type(error).__name__}")
        return None
    return claims if isinstance(claims, dict) else None
