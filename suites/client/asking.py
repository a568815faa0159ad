"""How an endpoint wants to be asked: from options and its preset to the fields of a `Target`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError
from suites.client.preset import preset
from suites.client.target import POOLED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["asking_of", "key_variable"]

# Read when set and no other variable is named.
_KEY_ENV = "FENMARK_API_KEY"
# Documents of a request to rank, unless said.
_DOCUMENTS = 8
# What says which load this is and how it is read, and how a request is framed: ours alone.
_OUR_FIELDS = {"model", "prompt", "messages", "input", "query", "documents", "stream", "n"}
_OUR_HEADERS = {"host", "content-length", "transfer-encoding"}
# Options of what is generated.
_GENERATING = (
    "osl", "osl_spread", "slo_tpot", "max_tokens_field", "reference", "trace", "sweep", "users",
    "agents",
)  # fmt: skip


def key_variable(options: Mapping[str, Any]) -> str | None:
    """The variable that holds the key: the one named, or else the first that is set."""
    if named := options.get("api_key_env"):
        return str(named)
    usual = [_KEY_ENV]
    if name := options.get("preset"):
        usual.append(preset(name).key_env)
    return next((variable for variable in usual if os.environ.get(variable)), None)


def asking_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """How an endpoint wants to be asked, as fields of `Target`; what is given wins over a preset.

    Raises:
        UserError: the extra body is not a JSON object, or the API has nothing of what is asked.
    """
    api = options.get("api")
    if api in POOLED:
        _check_pooled(options, api)
    if options.get("documents") and api != "rerank":
        raise UserError("ranked by no question", where="--documents", expected="--api rerank")
    known = preset(options["preset"]) if options.get("preset") else None
    usual = known.max_tokens_field if known and options.get("api") != "responses" else ""
    return {
        "headers": _headers(options.get("header") or ()),
        "body": _body(options.get("extra_body") or "{}"),
        "without": [*(known.drop if known else ()), *(options.get("drop_field") or ())],
        "max_tokens_field": str(options.get("max_tokens_field") or usual),
        **({"extras": list(known.exactly), "key_header": known.key_header} if known else {}),
        "documents": int(options.get("documents") or _DOCUMENTS),
        "ca": str(options.get("ca") or ""),
        "insecure": bool(options.get("insecure")),
    }


def _body(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
        json.dumps(body, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"no JSON ({error})", where="--extra-body", expected='an object such as {"top_k": 1}'
        ) from error
    if not isinstance(body, dict):
        raise UserError("no object", where="--extra-body", expected='such as {"top_k": 1}')
    if taken := sorted(_OUR_FIELDS & body.keys()):
        raise UserError(
            f"{taken[0]} is not what it may change",
            where="--extra-body",
            expected="fields beside those of the load",
        )
    return body


def _headers(lines: Sequence[str]) -> list[list[str]]:
    headers = [line.partition(":") for line in lines]
    if taken := sorted({name.lower() for name, _, _ in headers} & _OUR_HEADERS):
        raise UserError(
            f"{taken[0]} is not what it may change",
            where="--header",
            expected="headers beside those of a request's frame",
        )
    return [[name, value.strip()] for name, _, value in headers]


def _check_pooled(options: Mapping[str, Any], api: str) -> None:
    """Refuse what an API that generates nothing does not have.

    Raises:
        UserError: there is something of it.
    """
    if not options.get("endpoint"):
        raise UserError(
            f"the engine started here answers no {api}", where="--api", remedy="give --endpoint"
        )
    for name in _GENERATING:
        if options.get(name):
            raise UserError(
                f"{api} generates nothing",
                where=f"--{name.replace('_', '-')}",
                remedy="leave it out",
            )
