"""An identity token of a listed organization registers the key that it names, and no other."""

import base64
import json
import ssl
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from results.service.id_tokens import IdTokens, fetch_keys
from results.service.issuers import PRESETS, Issuer, read_issuers
from results.service.problem import Problem
from results.service.vouching import Vouching
from runners.machine.keys import registration
from suites.base.errors import UserError

URL = "https://id.example"
BOARD = "https://board.example.org"
KEYID = "ab" * 32
NO_PEM = serialization.NoEncryption()


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def described(private, kid="one", **more):
    algorithm = RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else ECAlgorithm
    told = json.loads(algorithm.to_jwk(private.public_key()))
    return {**{name: told[name] for name in told if name != "key_ops"}, "kid": kid, **more}


def issuer(**changes):
    return Issuer.model_validate(
        {
            "issuer": URL,
            "jwks": f"{URL}/keys",
            "algorithms": ["RS256", "ES256"],
            "audience": BOARD,
            "organization_claim": "org",
            "key_in": "audience",
            "organizations": {"17": "Example Lab"},
            **changes,
        }
    )


def token(private, *, kid="one", algorithm="RS256", without=(), **changes):
    now = int(time.time())
    claims = {
        "iss": URL,
        "aud": f"{BOARD}#{KEYID}",
        "sub": "job:7",
        "iat": now,
        "exp": now + 300,
        "org": "17",
        **changes,
    }
    kept = {name: value for name, value in claims.items() if name not in without}
    return jwt.encode(kept, private, algorithm=algorithm, headers={"kid": kid})


class Listed:
    """An issuer's keys, a clock, and how often the keys were asked for."""

    def __init__(self, *keys):
        self.keys, self.now, self.asked, self.fault = list(keys), 0.0, 0, None

    def fetch(self, url):
        assert url == f"{URL}/keys"
        self.asked += 1
        if self.fault:
            raise self.fault
        return self.keys

    def tokens(self, **changes):
        return IdTokens([issuer(**changes)], fetch=self.fetch, clock=lambda: self.now)


def refused(tokens, text, keyid=KEYID):
    with pytest.raises(Problem) as problem:
        tokens.identity(text, keyid)
    return problem.value.status, problem.value.detail


def test_a_token_says_whose_it_is(key):
    listed = Listed(described(key))
    tokens = listed.tokens()
    who = tokens.identity(token(key), KEYID)
    assert (who.owner, who.name) == ("Example Lab", f"{URL} org=17 sub=job:7")
    assert tokens.identity(token(key, org=17), KEYID) == who
    other = ec.generate_private_key(ec.SECP256R1())
    assert Listed(described(other)).tokens().identity(token(other, algorithm="ES256"), KEYID) == who
    named = listed.tokens(key_in="nonce").identity(token(key, aud=BOARD, nonce=KEYID), KEYID)
    assert named == who


NOW = int(time.time())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://evil.example"}, "issuer that is not listed"),
        ({"aud": BOARD}, "another board or another key"),
        ({"aud": f"{BOARD}#{'cd' * 32}"}, "another board or another key"),
        ({"aud": [f"{BOARD}#{KEYID}"]}, "another board or another key"),
        ({"exp": NOW - 3600, "iat": NOW - 4000}, "has expired"),
        ({"nbf": NOW + 3600}, "not valid yet"),
        ({"iat": NOW + 3600}, "not valid yet"),
        ({"iat": NOW - 7200, "exp": NOW + 10**6}, "more than an hour ago"),
        ({"without": ["exp"]}, "lacks one of"),
        ({"without": ["iat"]}, "lacks one of"),
        ({"without": ["sub"]}, "lacks one of"),
        ({"org": "18"}, "no organization listed here"),
        ({"org": ["17"]}, "no organization listed here"),
        ({"org": True}, "no organization listed here"),
        ({"without": ["org"]}, "no organization listed here"),
        ({"kid": "two"}, "a key that its issuer does not list"),
    ],
)
def test_what_is_not_for_this_key_and_board_by_this_organization_counts_for_nothing(
    key, changes, why
):
    status, detail = refused(Listed(described(key)).tokens(), token(key, **changes))
    assert (status, why in detail) == (422, True), detail


def test_a_key_must_stand_in_the_nonce_where_the_issuer_has_it_there(key):
    tokens = Listed(described(key)).tokens(key_in="nonce")
    for nonce in ({}, {"nonce": "cd" * 32}):
        assert "as its nonce" in refused(tokens, token(key, aud=BOARD, **nonce))[1]


def test_no_other_algorithm_and_no_other_key_counts(key):
    listed = Listed(described(key))
    tokens = listed.tokens(algorithms=["RS256"])
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=").decode()
    body = token(key).split(".")[1]
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(pem[:32]).rstrip(b'=').decode()}"
    unsigned = jwt.encode({"iss": URL}, None, algorithm="none", headers={"kid": "one"})
    for text in (forged, unsigned, token(key, algorithm="RS512")):
        assert "is not signed with RS256" in refused(tokens, text)[1]
    mallory = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "does not hold" in refused(tokens, token(mallory))[1]
    # Of the issuer's keys those for other uses, of other algorithms and too short ones are none.
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    for bad in (described(weak), described(key, use="enc"), described(curve), {"kty": "oct"}, 7):
        assert (
            "does not list" in refused(Listed(bad).tokens(algorithms=["RS256"]), token(key))[1]
        ), bad


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "a.b.c",
        "é.é.é",
        "a" * 9000,
        "W10.W10.",
        f"{base64.urlsafe_b64encode(b'[' * 4000).decode()}.e30.",
        f"e30.{base64.urlsafe_b64encode(b'[' * 4000).decode()}.",
        f"{base64.urlsafe_b64encode(json.dumps({'alg': ['RS256']}).encode()).decode()}.e30.",
    ],
)
def test_what_is_no_token_ends_in_one_line(text):
    status, detail = refused(Listed().tokens(), text)
    assert (status, "\n" in detail) == (422, False)


def test_keys_are_kept_and_asked_for_once_a_minute(key):
    listed = Listed(described(key))
    tokens = listed.tokens()
    for _ in range(3):
        tokens.identity(token(key), KEYID)
    assert listed.asked == 1
    for _ in range(5):
        refused(tokens, token(key, kid="unknown"))
    assert listed.asked == 1
    listed.now = 61.0
    for _ in range(5):
        refused(tokens, token(key, kid="unknown"))
    assert listed.asked == 2
    # A key that is new is found, one that was taken back is gone after ten minutes.
    listed.keys = [described(key, kid="new")]
    listed.now = 122.0
    tokens.identity(token(key, kid="new"), KEYID)
    assert "does not list" in refused(tokens, token(key))[1]


def test_an_issuer_that_does_not_answer_is_said_and_its_last_keys_do_for_a_day(key):
    listed = Listed(described(key))
    listed.fault = httpx.ConnectError("no route")
    tokens = listed.tokens()
    assert refused(tokens, token(key))[0] == 503
    assert "a moment ago" in refused(tokens, token(key))[1]
    listed.now, listed.fault = 60.0, None
    tokens.identity(token(key), KEYID)
    listed.now, listed.fault = 60.0 + 86_400, UserError("is not a key set")
    tokens.identity(token(key), KEYID)
    listed.now += 61
    assert refused(tokens, token(key))[0] == 503


@contextmanager
def https(tmp_path, answer, monkeypatch):
    """Serve one answer over HTTPS, under an authority that this process trusts."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(
        private.private_bytes(pem, serialization.PrivateFormat.PKCS8, NO_PEM)
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = answer
            self.send_response(status)
            for header in headers.items():
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        yield f"https://127.0.0.1:{server.server_port}/keys"
        server.shutdown()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((200, {}, b'{"keys": [1, 2]}'), None),
        ((200, {}, json.dumps({"keys": [1] * 99}).encode()), None),
        ((200, {}, b'{"keys": ["' + b"x" * 70_000 + b'"]}'), "without end"),
        ((302, {"Location": "https://127.0.0.1:1/"}, b""), "answers 302"),
        ((404, {}, b""), "answers 404"),
        ((200, {"Content-Encoding": "gzip"}, b""), "compressed"),
        ((200, {}, b"[]"), "is not a key set"),
        ((200, {}, b"\xff"), "keys"),
    ],
)
def test_keys_come_over_https_within_bounds(tmp_path, monkeypatch, answer, why):
    with https(tmp_path, answer, monkeypatch) as url:
        if why is None:
            assert fetch_keys(url) == json.loads(answer[2])["keys"][:32]
        else:
            with pytest.raises((UserError, httpx.HTTPError), match=why):
                fetch_keys(url)


def test_an_authority_that_nobody_trusts_gives_no_keys(tmp_path, monkeypatch):
    with https(tmp_path, (200, {}, b'{"keys": []}'), monkeypatch) as url:
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(httpx.ConnectError, match="certificate"):
            fetch_keys(url)


@pytest.fixture
def listed(request, key):
    return Listed(described(key)) if getattr(request, "param", True) else None


@pytest.fixture
def client(serving, log_signer, listed):
    """A board that lists one organization."""
    vouching = listed and Vouching(signer=log_signer, tokens=listed.tokens())
    with serving(vouching=vouching) as client:
        yield client


@pytest.fixture
def send(ask, keys):
    """Asks for one registration, again perhaps, with a token for its key, or for another."""
    made = {}

    def send(private, name="lab", owner="Example Lab", **changes):
        path, signer = keys(name)
        keyid = changes.pop("keyid", signer.public_key.keyid)
        brought = token(private, aud=f"{BOARD}#{keyid}", **changes) if private else None
        if (path, owner) not in made:
            made[path, owner] = registration(path, owner, "").decode()
        body = {"notice": made[path, owner]}
        return ask(
            signer, "POST", "/v1/registrations", {**body, "id_token": brought} if private else body
        )

    return send


def test_a_token_of_a_listed_organization_needs_no_administrator(
    send, client, key, ask, log_signer
):
    answer = send(key)
    assert (answer.status_code, answer.json()["state"]) == (201, "accepted")
    [owner] = [
        owner
        for owner in client.get("/v1/owners").json()["owners"]
        if owner["owner"] == "Example Lab"
    ]
    assert len(owner["runners"]) == 1
    acts = ask(log_signer, "GET", "/v1/admin/acts").json()["acts"]
    assert [act["detail"]["identity"] for act in acts] == [f"{URL} org=17 sub=job:7"]


def test_one_that_waits_is_registered_when_a_token_comes(send, key):
    assert send(None).json()["state"] == "pending"
    assert send(key).json()["state"] == "accepted"
    assert send(key).json()["state"] == "accepted"


def test_a_token_for_another_key_or_owner_registers_nothing(send, client, key):
    for more, problem in (
        ({"keyid": "cd" * 32}, "identity"),
        ({"org": "18"}, "identity"),
        ({"owner": "NVIDIA"}, "registration"),
    ):
        answer = send(key, **more)
        assert answer.status_code == 422
        assert answer.json()["type"] == f"urn:fenmark:problem:{problem}"
        assert "eyJ" not in answer.text  # no part of a token
    assert "Example Lab" not in client.get("/v1/owners").text


@pytest.mark.parametrize("listed", [None], indirect=True)
def test_a_board_without_a_table_takes_no_tokens(send, key):
    answer = send(key)
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "no identity tokens are taken here",
    )
    assert send(None).json()["state"] == "pending"


TABLE = """
[[issuer]]
preset = "github"
audience = "https://board.example.org"
organizations = { 9919 = "Example Lab" }
"""


def test_presets_say_what_is_public_of_an_issuer(tmp_path):
    file = tmp_path / "issuers.toml"
    file.write_text(TABLE)
    [known] = read_issuers(file)
    assert (known.issuer, known.organization_claim, known.key_in) == (
        "https://token.actions.githubusercontent.com", "repository_owner_id", "audience",
    )  # fmt: skip
    assert known.organizations == {"9919": "Example Lab"}
    for name in PRESETS:
        file.write_text(TABLE.replace("github", name))
        [known] = read_issuers(file)
        assert known.algorithms == ["RS256"]
        assert known.jwks.startswith("https://")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (("github", "gitea"), "preset"),
        (("https://board.example.org", "a b"), "audience"),
        (("https://board.example.org", "https://board.example.org#x"), "audience"),
        (("audience = ", 'jwks = "http://keys.example"\naudience = '), "jwks"),
        (("audience = ", 'issuer = "https://u@keys.example"\naudience = '), "issuer"),
        (("audience = ", 'algorithms = ["HS256"]\naudience = '), "algorithms"),
        (("audience = ", "algorithms = []\naudience = "), "algorithms"),
        (("Example Lab", "Example\\u202eLab"), "issuer"),
        (('{ 9919 = "Example Lab" }', "{}"), "organizations"),
        (("organizations", "organisations"), "organi"),
        ((TABLE, TABLE * 2), "issuer"),
        ((TABLE, ""), "issuer"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_by_its_field(tmp_path, change, where):
    file = tmp_path / "issuers.toml"
    file.write_text(TABLE.replace(*change))
    with pytest.raises(UserError) as error:
        read_issuers(file)
    assert where in str(error.value)
    assert "\n" not in str(error.value)


def test_a_runner_brings_its_token_in_a_file(fenmark, client, key, keys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    path, signer = keys("lab")
    asks = ["register", "--to", client.base_url, "--path", path, "--owner", "Example Lab", "--json"]
    file = tmp_path / "token.jwt"
    missing = fenmark(*asks, "--id-token", file)
    assert (missing.returncode, str(file) in missing.stderr) == (2, True)
    file.write_text(token(key, aud=f"{BOARD}#{signer.public_key.keyid}") + "\n")
    told = json.loads(fenmark(*asks, "--id-token", file).stdout)
    assert (told["state"], told["keyid"]) == ("accepted", signer.public_key.keyid)


def test_a_server_with_a_table_that_does_not_fit_does_not_start(fenmark, tmp_path):
    file = tmp_path / "issuers.toml"
    file.write_text(TABLE.replace("github", "gitea"))
    done = fenmark("serve", "--data", tmp_path / "data", "--port", "0", "--issuers", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert "issuers.toml:issuer.0.preset" in done.stderr
