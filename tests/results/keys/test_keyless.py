"""A workflow's identity signs without a key to keep; a pinned root of trust verifies it offline."""

import base64
import json
import socket
import sys
from copy import deepcopy
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature
from typer import Exit

from leaderboard.base.workers import Workers
from leaderboard.read import archives
from results.archive import archive, verification
from results.commands.verify import verify
from results.keys import keyless, tiers
from results.keys.identity import read_runner, revoked_toml, runner_id, runner_toml
from results.keys.keyless import Caller, KeylessKey
from results.proof import envelope
from results.proof.keylog import KeyLog, events
from results.service.challenge import Challenges
from results.service.publish import publish
from results.service.store import open_store
from results.service.submission_check import Intake
from suites.base.errors import CheckError, UserError


@pytest.fixture
def network_cut(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def no_library(monkeypatch):
    """The extra is not installed."""
    keyless._verifier.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "sigstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sigstore", None)
    yield
    keyless._verifier.cache_clear()


def changed(sealed, change):
    """The envelope after a change to its JSON."""
    value = json.loads(sealed)
    change(value)
    return json.dumps(value).encode()


def refused(sealed, *keys):
    with pytest.raises(CheckError, match="no signature verifies"):
        envelope.verify(sealed, keys, "a result")


def test_a_jobs_signature_is_verified_offline_and_says_where_it_ran(
    job, workflow, payload, network_cut
):
    sealed = envelope.sign(payload, job(environment="self-hosted"))
    verified = envelope.verify(sealed, [workflow], "a result")
    assert verified.payload == payload
    assert verified.claims == {
        "runner_environment": "self-hosted",
        "source_repository": "https://github.com/lab/bench",
        "source_commit": "c" * 40,
        "source_ref": "refs/heads/main",
        "build_config": "https://github.com/lab/bench/.github/workflows/nightly.yml@refs/heads/main",
        "run": "https://github.com/lab/bench/actions/runs/1/attempts/1",
    }


@pytest.mark.parametrize(
    "claims",
    [
        {"identity": "https://github.com/lab/bench/.github/workflows/measure.yml@refs/heads/other"},
        {"identity": "https://github.com/lab/fork/.github/workflows/measure.yml@refs/heads/main"},
        {"identity": "https://github.com/lab/bench/.github/workflows/other.yml@refs/heads/main"},
        {"issuer": "https://issuer.invalid"},
        # The same reusable workflow, called by somebody else, for another branch, by another file.
        {"repository": "https://github.com/stranger/bench"},
        {"ref": "refs/heads/other"},
        {"started": "https://github.com/stranger/bench/.github/workflows/x.yml@refs/heads/main"},
        {"started": "https://github.com/lab/bench/.github/workflows/other.yml@refs/heads/main"},
    ],
)
def test_another_branch_repository_workflow_or_issuer_is_not_it(job, workflow, payload, claims):
    with pytest.raises(CheckError, match="no signature verifies"):
        envelope.sign(payload, job(**claims))


def test_another_sigstore_is_not_the_one_pinned(job, workflow, other_services, payload):
    with pytest.raises(CheckError, match="no signature verifies"):
        envelope.sign(payload, job(by=other_services))
    other = KeylessKey(
        identity=workflow.keyval["identity"],
        issuer=workflow.keyval["issuer"],
        trusted_root=other_services.trusted_root(),
    )
    assert other.keyid != workflow.keyid
    refused(envelope.sign(payload, job()), other)


def test_a_changed_payload_is_not_what_the_job_signed(job, workflow, payload, statement):
    other = base64.b64encode(envelope.encode(statement("run-2"))).decode()
    sealed = envelope.sign(payload, job())
    refused(changed(sealed, lambda value: value.update(payload=other)), workflow)


@pytest.mark.parametrize(
    "place",
    [
        ("messageSignature", "signature"),
        ("verificationMaterial", "certificate"),
        ("verificationMaterial", "tlogEntries"),
    ],
)
def test_no_part_of_a_bundle_can_be_another_bundles(job, workflow, payload, statement, place):
    other = job().sign(envelope.encode(statement("run-2"))).unrecognized_fields["bundle"]

    def splice(value):
        bundle = value["signatures"][0]["bundle"]
        bundle[place[0]][place[1]] = other[place[0]][place[1]]

    refused(changed(envelope.sign(payload, job()), splice), workflow)


def test_a_signature_beside_a_bundle_that_holds_another_is_none(job, workflow, payload):
    def swap(value):
        value["signatures"][0]["sig"] = base64.b64encode(b"another").decode()

    refused(changed(envelope.sign(payload, job()), swap), workflow)


def places(value, at=()):
    """Paths of everything in a JSON value but itself."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in inner:
        yield (*at, name)
        if isinstance(part, dict | list):
            yield from places(part, (*at, name))


@settings(max_examples=200)
@given(data=st.data())
def test_no_bundle_with_odd_values_breaks_anything_or_signs_another_payload(
    signature, workflow, data
):
    bundle = deepcopy(signature.unrecognized_fields["bundle"])
    *path, last = data.draw(st.sampled_from(sorted(places(bundle), key=str)))
    inner = bundle
    for name in path:
        inner = inner[name]
    inner[last] = data.draw(
        st.none() | st.integers() | st.text() | st.floats() | st.lists(st.text()) | st.just({})
    )
    odd = Signature("", signature.signature, {"bundle": bundle})
    with pytest.raises(UnverifiedSignatureError):
        workflow.verify_signature(odd, b"another payload")


def test_a_real_signature_of_a_github_job_is_verified_under_sigstores_real_root(network_cut):
    """Made by GitHub Actions on 2024-03-19, when rfc8785 0.1.2 was released."""
    hashes = pytest.importorskip("sigstore.hashes")
    from sigstore_models.common.v1 import HashAlgorithm

    bundle = json.loads(Path(__file__).with_name("github-job.sigstore.json").read_bytes())
    production = "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"  # the library brings a copy
    workflow = KeylessKey(
        identity="https://github.com/trailofbits/rfc8785.py/.github/workflows/release.yml"
        "@refs/tags/v0.1.2",
        issuer=keyless.GITHUB,
        trusted_root=(files("sigstore._store") / production / "trusted_root.json").read_text(),
        caller=Caller.of(
            "https://github.com/trailofbits/rfc8785.py/.github/workflows/release.yml"
            "@refs/tags/v0.1.2"
        ),
    )
    raw = base64.b64decode(bundle["messageSignature"]["signature"]).hex()
    signature = Signature("", raw, {"bundle": bundle})
    # Of the wheel on PyPI.
    wheel = "c4e92e9ecc828bef2aa7dba1de8ac983511f7532a0df11c770d39099a25cf201"
    signed = hashes.Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(wheel))
    workflow.verify_signature(signature, signed)
    assert workflow.claims(signature) == {
        "runner_environment": "github-hosted",
        "source_repository": "https://github.com/trailofbits/rfc8785.py",
        "source_commit": "d8b4a6445f38c48b9137a8099706d9b8073146e4",
        "source_ref": "refs/tags/v0.1.2",
        "build_config": "https://github.com/trailofbits/rfc8785.py/.github/workflows/release.yml"
        "@refs/tags/v0.1.2",
        "run": "https://github.com/trailofbits/rfc8785.py/actions/runs/8351058501/attempts/1",
    }
    with pytest.raises(UnverifiedSignatureError):
        workflow.verify_signature(signature, b"another wheel")


@pytest.fixture
def registered(tmp_path, monkeypatch, workflow):
    """A catalogue with the workflow in it."""
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / f"{runner_id(workflow)}.toml").write_text(runner_toml(workflow, owner="Lab"))
    monkeypatch.setattr(archive, "REGISTERED", folder)
    return folder


@pytest.fixture
def home(tmp_path, payload, job, signer):
    """An archive with a result that a job signed."""
    archive.accept(tmp_path / "results", payload, job(), signer)
    return tmp_path / "results"


def test_the_key_file_brings_the_root_of_trust_in_force(workflow):
    text = runner_toml(workflow, owner='A "Lab"\r\n')
    runner = read_runner(text, "a key file")
    assert (runner.key.keyid, runner.key.caller) == (workflow.keyid, workflow.caller)
    assert runner.key.trusted_root == workflow.trusted_root
    assert runner.owner == 'A "Lab"\r\n'


@pytest.mark.parametrize("left_out", ["identity", "trusted_root"])
def test_a_keyless_key_file_that_leaves_something_out_is_refused(workflow, left_out):
    lines = runner_toml(workflow).splitlines()
    text = "\n".join(line for line in lines if not line.startswith(left_out))
    with pytest.raises(UserError, match="identity and trusted_root"):
        read_runner(text, "a key file")


def test_an_archive_brings_all_that_verification_needs(home, network_cut, workflow):
    [verdict] = verification.verify(home)
    assert verdict.problems == ()
    assert (verdict.keyid, verdict.tier) == (workflow.keyid, "self-signed")


@pytest.fixture
def read(monkeypatch):
    """Maintainers have read the commit that jobs are certified for."""
    monkeypatch.setattr(tiers, "admitted_commits", lambda: frozenset({"c" * 40}))


def attested(statement, commit="c" * 40, *, modified=False):
    data = statement().to_json()
    data["predicate"]["source"] |= {"commit": commit, "modified": modified}
    return json.dumps(data).encode()


def told(folder):
    [verdict] = verification.verify(folder)
    assert verdict.problems == ()
    return verdict.tier, verdict.tier_reason


def test_a_workflow_of_the_catalogue_at_a_commit_that_was_read_counts_as_ci_attested(
    tmp_path, statement, job, signer, registered, read
):
    archive.accept(tmp_path / "out", attested(statement), job(), signer)
    assert told(tmp_path / "out") == ("CI-attested", "")


@pytest.mark.parametrize(
    ("stated", "claims", "why"),
    [
        ({"commit": "d" * 40}, {}, "the certificate of its job says cccc"),
        ({"commit": None}, {}, "no commit is stated"),
        ({"modified": True}, {}, "was not that of its commit"),
        ({"commit": "d" * 40}, {"commit": "d" * 40}, "not among those maintainers have read"),
    ],
)
def test_a_job_with_code_that_nobody_has_read_counts_as_registered_and_says_why(
    tmp_path, statement, job, signer, registered, read, stated, claims, why, capsys
):
    archive.accept(tmp_path / "out", attested(statement, **stated), job(**claims), signer)
    tier, reason = told(tmp_path / "out")
    assert (tier, why in reason) == ("registered", True)
    with pytest.raises(Exit):
        verify([tmp_path / "out"])
    assert why in capsys.readouterr().out


def test_a_key_file_that_names_no_caller_is_anybodys(
    tmp_path, statement, workflow, job, signer, monkeypatch, read
):
    anybodys = KeylessKey(
        identity=workflow.keyval["identity"],
        issuer=keyless.GITHUB,
        trusted_root=workflow.trusted_root,
    )
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / f"{runner_id(anybodys)}.toml").write_text(runner_toml(anybodys))
    monkeypatch.setattr(archive, "REGISTERED", folder)
    stranger = job(key=anybodys, repository="https://github.com/stranger/bench")
    archive.accept(tmp_path / "out", attested(statement), stranger, signer)
    tier, reason = told(tmp_path / "out")
    assert (tier, "names no source repository" in reason) == ("self-signed", True)


@pytest.mark.parametrize("left_out", ["source_repository", "source_ref", "build_config"])
def test_a_key_file_names_a_whole_caller_or_none(workflow, left_out):
    lines = runner_toml(workflow).splitlines()
    text = "\n".join(line for line in lines if not line.startswith(left_out))
    with pytest.raises(UserError, match="a caller needs source_repository"):
        read_runner(text, "a key file")


def test_the_log_remembers_the_root_of_trust_in_force(home, workflow):
    logged = [json.loads(entry) for entry in archive.Ledger(home / "log").entries()]
    assert logged[0] == {
        "type": "key",
        "action": "added",
        "keyid": workflow.keyid,
        "runner": runner_id(workflow),
        "trusted_root": workflow.keyval["trusted_root_sha256"],
    }
    runner = read_runner(runner_toml(workflow), "a key file")
    assert list(events([runner], KeyLog())) == [logged[0]]


def test_a_run_accepted_again_is_not_signed_again(home, payload, job, signer):
    before = archive.envelopes(home)
    archive.accept(home, payload, job(), signer)
    assert archive.envelopes(home) == before
    assert verification.verify(home)[0].problems == ()


@pytest.mark.parametrize("environment", ["self-hosted", "github-hosted"])
def test_verify_says_on_whose_machine_the_job_ran(
    tmp_path, payload, job, signer, capsys, environment
):
    archive.accept(tmp_path / "out", payload, job(environment=environment), signer)
    with pytest.raises(Exit) as ended:
        verify([tmp_path / "out"])
    assert ended.value.exit_code == 0
    assert f"self-signed ({environment} runner), in the log" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("claims", "flagged"),
    [({}, []), ({"commit": "d" * 40}, ["source.commit"])],
)
def test_a_commit_that_is_not_the_certified_one_is_flagged(
    tmp_path, statement, job, signer, claims, flagged
):
    data = statement().to_json()
    data["predicate"]["source"]["commit"] = "c" * 40
    archive.accept(tmp_path, json.dumps(data).encode(), job(**claims), signer)
    [verdict] = verification.verify(tmp_path)
    assert [finding.where for finding in verdict.findings if finding.rule == "job"] == flagged


def test_who_lacks_the_library_is_told_so(home, no_library):
    [verdict] = verification.verify(home)
    assert "needs Sigstore's library" in verdict.problems[0]
    assert "pip install '.[sigstore]'" in verdict.problems[0]


def test_a_plain_signature_beside_a_keyless_one_needs_no_library(
    home, payload, signer, workflow, no_library
):
    def add(value):
        bundled = json.loads(archive.envelopes(home)[0].read_bytes())["signatures"]
        value["signatures"] = [*bundled, *value["signatures"]]

    both = changed(envelope.sign(payload, signer), add)
    assert envelope.verify(both, [workflow, signer.public_key], "both").key == signer.public_key


@pytest.fixture
def submitted(runners, workflow, statement, job):
    """Signs a statement as a job of a workflow that the server knows."""
    (runners / f"{runner_id(workflow)}.toml").write_text(runner_toml(workflow))

    def sign(**claims):
        data = statement().to_json()
        data["predicate"]["run"]["runner"] = runner_id(workflow)
        return envelope.sign(json.dumps(data).encode(), job(**claims))

    return sign


def test_a_server_takes_a_jobs_result_and_publishes_all_that_verification_needs(
    tmp_path, submitted, client, workflow
):
    assert client.post("/v1/submissions", content=submitted()).status_code == 201
    publish(tmp_path / "data", tmp_path / "out")
    [verdict] = verification.verify(tmp_path / "out")
    assert (verdict.problems, verdict.keyid) == ((), workflow.keyid)


def test_a_job_that_signs_and_sends_again_gets_the_same_receipt(submitted, client):
    first, second = submitted(), submitted()
    assert first != second  # another certificate, another key
    told = client.post("/v1/submissions", content=first)
    again = client.post("/v1/submissions", content=second)
    assert (told.status_code, again.status_code) == (201, 200)
    assert again.content == told.content


def test_a_revoked_workflow_signs_no_more(submitted, client, runners, workflow):
    sealed = submitted()
    path = runners / f"{runner_id(workflow)}.toml"
    path.write_text(revoked_toml(path.read_text(), "file", "runner stolen", datetime.now(UTC)))
    told = client.post("/v1/submissions", content=sealed)
    assert told.status_code == 403
    assert told.json()["errors"][0]["rule"] == "key-revoked"


def test_a_server_without_the_library_turns_away_the_workflow_alone(
    submitted, tmp_path, runners, log_signer, no_library
):
    with open_store(tmp_path / "data", log_signer) as store:
        challenges = Challenges.of_key(log_signer.private_bytes)
        intake = Intake(folders=[runners], challenges=challenges, store=store)
        admitted = intake.runners()
    assert admitted
    assert not any(isinstance(runner.key, KeylessKey) for runner in admitted)


def test_the_site_says_on_whose_machine_the_job_ran(
    tmp_path, statement, job, signer, registered, read, monkeypatch
):
    home = tmp_path / "out"
    archive.accept(home, attested(statement), job(), signer)
    monkeypatch.setattr(archives.identity, "REGISTERED", registered)
    with Workers() as workers:
        shown = archives.read([home], None, workers)
    [digest] = shown.sources
    result = shown.open(digest)
    assert (result.tier, result.environment) == ("CI-attested", "github-hosted")
    assert {key["keytype"]: key["tier"] for key in shown.keys}["sigstore-oidc"] == "registered"


def test_the_site_repeats_no_other_word_of_a_certificate(tmp_path, payload, job, signer):
    archive.accept(tmp_path / "out", payload, job(environment="<script>"), signer)
    with Workers() as workers:
        shown = archives.read([tmp_path / "out"], None, workers)
    assert [shown.open(digest).environment for digest in shown.sources] == [""]
