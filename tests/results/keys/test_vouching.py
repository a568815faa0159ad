"""Workflows of a listed organization are registered by their identity, and by nothing less."""

from datetime import UTC, datetime

import pytest

from results.keys.identity import read_runner, runner_toml
from results.keys.keyless import GITHUB, Caller, KeylessKey
from results.proof import envelope, notice
from results.service import request as requests
from results.service.request import Asked
from results.service.vouching import Vouching

LAB = "https://github.com/lab"


@pytest.fixture
def board(serving, services, log_signer):
    """A board that takes in what `lab` runs."""
    vouching = Vouching(
        organizations=(LAB,), trusted_root=services.trusted_root(), signer=log_signer
    )
    with serving(vouching=vouching) as client:
        yield client


@pytest.fixture
def apply(board):
    """Asks for a registration as a job does."""

    def apply(signer, owner="lab"):
        text = runner_toml(signer.public_key, owner=owner)
        draft = notice.draft("registered", read_runner(text, "x"), datetime.now(UTC), key_file=text)
        asked = Asked(
            schema_version=1,
            method="POST",
            host=board.base_url.netloc.decode(),
            target="/v1/registrations",
            nonce=board.get("/v1/nonce").json()["nonce"],
            body={"notice": envelope.sign(draft, signer).decode()},
        )
        return board.post("/v1/registrations", content=requests.sign(signer, asked))

    return apply


def key(services, identity, caller):
    return KeylessKey(
        identity=identity,
        issuer=GITHUB,
        trusted_root=services.trusted_root(),
        caller=Caller.of(caller),
    )


def test_a_workflow_of_a_listed_organization_needs_no_administrator(board, apply, job, workflow):
    answer = apply(job())
    assert (answer.status_code, answer.json()["state"]) == (201, "accepted")
    [owner] = [
        owner for owner in board.get("/v1/owners").json()["owners"] if owner["owner"] == "lab"
    ]
    assert [(runner["keyid"], runner["keyless"]) for runner in owner["runners"]] == [
        (workflow.keyid, True)
    ]


@pytest.mark.parametrize(
    ("identity", "caller", "owner"),
    [
        # Another's job that calls the lab's workflow; the lab's job that calls another's.
        ("lab/bench", "mallory/bench", "lab"),
        ("mallory/bench", "lab/bench", "lab"),
        ("lab-two/bench", "lab-two/bench", "lab"),
        # The name of somebody else, whom nobody has looked at.
        ("lab/bench", "lab/bench", "NVIDIA"),
    ],
)
def test_what_only_looks_like_it_waits_for_an_administrator(
    apply, job, services, identity, caller, owner
):
    signs = f"https://github.com/{identity}/.github/workflows/measure.yml@refs/heads/main"
    starts = f"https://github.com/{caller}/.github/workflows/nightly.yml@refs/heads/main"
    signer = job(
        key=key(services, signs, starts),
        identity=signs,
        started=starts,
        repository=f"https://github.com/{caller}",
    )
    answer = apply(signer, owner)
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")


def test_a_sigstore_of_ones_own_vouches_for_nothing(apply, job, other_services, workflow):
    own = key(other_services, workflow.keyval["identity"], workflow.caller.build_config)
    answer = apply(job(by=other_services, key=own))
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
