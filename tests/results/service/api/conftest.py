"""Those who ask a server for a registration, and the administrator who decides."""

import pytest

from results.keys import keyfile
from results.proof import notice
from results.service import request as requests
from results.service.request import Asked
from runners.machine.keys import registration


def problem(answer):
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


@pytest.fixture
def keys(tmp_path):
    """Makes private keys as files; gives path and signer."""

    def make(name):
        path = tmp_path / f"{name}.pem"
        signer = keyfile.load(path) if path.exists() else keyfile.create(path)
        return path, signer

    return make


@pytest.fixture
def admin_pem(tmp_path, admin):
    path = tmp_path / "admin.pem"
    path.write_bytes(admin.private_bytes)
    path.chmod(0o600)
    return path


@pytest.fixture
def ask(client):
    """Sends a signed request; keywords change what is signed."""

    def ask(by, method, target, body=None, **changes):
        asked = {
            "schema_version": 1,
            "method": method,
            "host": client.base_url.netloc.decode(),
            "target": target,
            "nonce": client.get("/v1/nonce").json()["nonce"],
            "body": body or {},
            **changes,
        }
        data = requests.sign(by, Asked.model_validate(asked))
        if method == "GET":
            return client.get(target, headers={"Authorization": requests.in_header(data)})
        return client.post(target, content=data)

    return ask


@pytest.fixture
def apply(ask, keys):
    """Asks for a key's registration; gives the answer."""

    def apply(name="lab", owner="Example Lab", contact="bench@example.org", **more):
        path, signer = keys(name)
        made = registration(path, owner, "", **more)
        body = {"notice": made.decode(), "contact": contact}
        return ask(signer, "POST", "/v1/registrations", body)

    return apply


@pytest.fixture
def accept(ask, client, admin):
    """Accepts a registration as the administrator does; gives the answer."""

    def accept(answer, by=admin):
        listed = ask(by, "GET", "/v1/registrations?state=pending").json()["registrations"]
        [waiting] = [
            application for application in listed if application["id"] == answer.json()["id"]
        ]
        signed = notice.countersign(waiting["notice"].encode(), by, "registration")
        return client.post("/v1/notices", content=signed)

    return accept
