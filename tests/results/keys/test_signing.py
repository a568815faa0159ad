"""A CI job signs: from the environment to a bundle, against services of the tests' own."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from results.archive import archive, verification
from results.keys.identity import read_runner, runner_id, runner_toml
from results.keys.keyless import KeylessKey
from results.proof import envelope
from runners.machine import keys
from suites.base.errors import CheckError, UserError

jwt = pytest.importorskip("jwt", reason="the extra `sigstore` is not installed")


def pem(certificate):
    return certificate.public_bytes(Encoding.PEM).decode()


@pytest.fixture
def answers(services, claims):
    """What GitHub, Fulcio and Rekor answer to a request's JSON, by path."""
    now = int(time.time())
    payload = {"iss": claims.issuer, "aud": "sigstore", "sub": "repo:lab/bench", "iat": now}
    token = jwt.encode(payload | {"exp": now + 300}, "a key of nobody's, 32 bytes long")

    def certify(asked):
        request = base64.b64decode(asked["certificateSigningRequest"])
        public = x509.load_pem_x509_csr(request).public_key()
        chain = [services.certificate(public, claims), services.root]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": list(map(pem, chain))}}}

    return {
        "/token": lambda _: {"value": token},
        "/api/v2/signingCert": certify,
        "/api/v1/log/entries": lambda asked: {"uuid": services.log(asked)},
    }


@pytest.fixture
def in_a_job(answers, services, monkeypatch):
    """The environment of a GitHub job with `id-token: write`; gives the URL of its services."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = answers[self.path.partition("?")[0]](json.loads(asked or b"{}"))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def do_GET(self):
            self.do_POST()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{url}/token")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "anything")
        point_at(url, services, monkeypatch)
        yield url
        server.shutdown()


def point_at(url, services, monkeypatch):
    """Have the library know these services instead of Sigstore's own."""
    from sigstore.models import ClientTrustConfig

    since = {"start": "2020-01-01T00:00:00Z"}
    service = [{"url": url, "majorApiVersion": 1, "validFor": since, "operator": "test"}]
    config = ClientTrustConfig.from_json(
        json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": json.loads(services.trusted_root()),
                "signingConfig": {
                    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                    "caUrls": service,
                    "oidcUrls": service,
                    "rekorTlogUrls": service,
                    "rekorTlogConfig": {"selector": "ANY"},
                    "tsaUrls": [],
                    "tsaConfig": {"selector": "ANY"},
                },
            }
        )
    )
    monkeypatch.setattr(ClientTrustConfig, "production", lambda *_, **__: config)


@pytest.fixture
def key_file(tmp_path, workflow, monkeypatch):
    """`$FENMARK_KEYLESS`: a workflow's key file."""
    path = tmp_path / f"{runner_id(workflow)}.toml"
    path.write_text(runner_toml(workflow))
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FENMARK_KEYLESS", str(path))
    return path


def test_a_job_signs_with_its_identity_and_its_own_key_signs_the_log(
    in_a_job, key_file, workflow, payload, tmp_path
):
    key = keys.load_or_create()
    assert key.runner == runner_id(workflow)
    assert key.log_signer.public_key.keytype == "ed25519"
    archive.accept(tmp_path / "out", payload, key.signer, key.log_signer)
    [verdict] = verification.verify(tmp_path / "out")
    assert (verdict.problems, verdict.keyid) == ((), workflow.keyid)
    assert verdict.claims["runner_environment"] == "self-hosted"


@pytest.mark.parametrize("identity", ["https://github.com/lab/bench/.github/workflows/o.yml@r"])
def test_a_job_of_another_workflow_does_not_sign_as_this_one(in_a_job, key_file, payload):
    with pytest.raises(CheckError, match="no signature verifies"):
        envelope.sign(payload, keys.load_or_create().signer)


def test_outside_of_a_job_nothing_is_signed_and_the_reason_is_one_line(
    in_a_job, key_file, payload, monkeypatch
):
    monkeypatch.delenv("GITHUB_ACTIONS")
    with pytest.raises(CheckError, match="id-token: write") as told:
        envelope.sign(payload, keys.load_or_create().signer)
    assert "\n" not in str(told.value)


def test_a_job_without_the_permission_is_told_which(in_a_job, key_file, payload, monkeypatch):
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    with pytest.raises(CheckError, match=r"insufficient OIDC token permissions.*id-token: write"):
        envelope.sign(payload, keys.load_or_create().signer)


@pytest.mark.parametrize("path", ["/token", "/api/v2/signingCert", "/api/v1/log/entries"])
def test_a_service_that_answers_nonsense_is_one_line(in_a_job, key_file, payload, answers, path):
    answers[path] = lambda _: ["nonsense"]
    with pytest.raises(CheckError, match="cannot sign keyless") as told:
        envelope.sign(payload, keys.load_or_create().signer)
    assert "\n" not in str(told.value)


def test_the_variable_must_name_a_keyless_runners_file(key_file, signer, tmp_path, monkeypatch):
    key_file.write_text(runner_toml(signer.public_key))
    with pytest.raises(UserError, match="is the file of a key") as told:
        keys.load_or_create()
    assert str(key_file) in str(told.value)
    for content in ("", "id = 1", "\x00"):
        key_file.write_text(content)
        with pytest.raises(UserError) as told:
            keys.load_or_create()
        assert "\n" not in str(told.value)
    key_file.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        keys.load_or_create()


def test_a_key_file_with_a_broken_root_of_trust_is_said_before_anything_is_signed(
    key_file, workflow
):
    broken = KeylessKey(
        identity=workflow.keyval["identity"],
        issuer=workflow.keyval["issuer"],
        trusted_root=workflow.trusted_root.replace("certificateAuthorities", "nothing"),
    )
    key_file.write_text(runner_toml(broken))
    with pytest.raises(UserError, match="is not a trusted root"):
        keys.load_or_create()


def test_keys_new_prints_a_workflows_key_file(tmp_path, services, workflow, verb):
    root = tmp_path / "trusted_root.json"
    root.write_text(services.trusted_root())
    identity = workflow.keyval["identity"]
    started = ("--build-config", workflow.caller.build_config)
    told = verb("new", "--keyless", identity, *started, "--trusted-root", root, "--owner", "Lab")
    runner = read_runner(told, "printed")
    assert (runner.key.keyid, runner.owner) == (workflow.keyid, "Lab")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keyless", "measure.yml", "--trusted-root", "x"], "is not a workflow"),
        (["--trusted-root", "x"], "is not a workflow"),
        (
            [
                *["--keyless", "https://github.com/a/b/.github/workflows/c.yml@refs/heads/d"],
                *["--build-config", "https://github.com/a/b"],
            ],
            "is not a workflow",
        ),
        (["--keyless", "https://github.com/a/b/.github/workflows/c.yml@refs/heads/d"], "missing"),
        (
            [
                *["--keyless", "https://github.com/a/b/.github/workflows/c.yml@refs/heads/d"],
                *["--trusted-root", "/nowhere"],
            ],
            "cannot be read",
        ),
    ],
)
def test_keys_new_refuses_what_is_no_workflow_or_root(verb, arguments, message):
    with pytest.raises(UserError, match=message):
        verb("new", *arguments)
