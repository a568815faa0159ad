"""Every answer carries the headers of safety; every key and every address has its share."""

import httpx
import pytest

from results.service.api import SenderLimits
from results.service.api.problems import SAFETY
from results.service.store import Store

ASKED = [
    (200, "GET", "/v1/results", {}),
    (200, "GET", "/metrics", {}),
    (400, "GET", "/v1/results?limit=0", {}),
    (400, "POST", "/v1/submissions", {"content": b"{"}),
    (404, "GET", "/v1/nothing", {}),
    (404, "GET", "/", {}),
    (404, "GET", "/v1/submissions/" + "0" * 64, {}),
    (405, "PUT", "/v1/submissions", {}),
    (405, "POST", "/healthz", {}),
    (413, "POST", "/v1/submissions", {"content": b" " * (2**20 + 1)}),
    (415, "POST", "/v1/submissions", {"headers": {"content-encoding": "gzip"}}),
]


def safe(answer):
    return {name: answer.headers.get(name) for name in SAFETY} == SAFETY


def test_every_answer_carries_the_headers_of_safety(client):
    for status, method, path, more in ASKED:
        answer = client.request(method, path, **more)
        assert answer.status_code == status, path
        assert safe(answer), path
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json", path


def test_receipts_refusals_and_what_did_not_change_carry_them_too(client, sealed):
    new = client.post("/v1/submissions", content=sealed())
    again = client.post("/v1/submissions", content=sealed())
    refused = client.post("/v1/submissions", content=sealed(nonce="invented"))
    tag = client.get("/v1/checkpoint").headers["etag"]
    same = client.get("/v1/checkpoint", headers={"if-none-match": tag})
    answers = [new, again, refused, same]
    assert [answer.status_code for answer in answers] == [201, 200, 422, 304]
    assert all(safe(answer) for answer in answers)


def test_a_failure_of_the_server_carries_them_and_tells_nothing(client, monkeypatch):
    def fail(*_):
        raise RuntimeError("a secret")

    monkeypatch.setattr(Store, "find", fail)
    answer = client.get("/v1/submissions/" + "0" * 64)
    assert answer.status_code == 500
    assert safe(answer)
    assert "secret" not in answer.text


def test_a_key_has_its_share_whatever_address_it_comes_from(serving, sealed, standing):
    with serving(SenderLimits(per_minute=2)) as client:

        def send(number):
            transport = httpx.HTTPTransport(local_address=f"127.0.0.{number + 2}")
            with httpx.Client(base_url=client.base_url, transport=transport) as other:
                return other.post("/v1/submissions", content=sealed(f"run-{number}"))

        answers = [send(number) for number in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert safe(answers[-1])
        assert answers[-1].headers["retry-after"] == "31"


def test_an_address_has_its_share_whatever_it_asks(serving, standing):
    with serving(SenderLimits(per_minute=2)) as client:
        asked = ["/v1/key", "/v1/nothing", "/v1/results"]
        assert [client.get(path).status_code for path in asked] == [200, 404, 429]


READ = [
    "/v1/results",
    "/v1/results?limit=0",
    "/v1/checkpoint",
    "/v1/key",
    "/v1/submissions/{digest}",
    "/v1/submissions/{digest}/envelope",
    "/v1/tile/entries/000.p/2",
    "/v1/consistency/1",
    "/openapi.json",
    "/healthz",
    "/v1/nothing",
]


def test_head_is_answered_as_get_without_the_body(client, sealed):
    digest = client.post("/v1/submissions", content=sealed()).json()["digest"]
    for path in READ:
        asked = path.format(digest=digest)
        whole, head = client.get(asked), client.head(asked)
        assert head.status_code == whole.status_code, path
        assert head.content == b""
        told = [
            {
                name: value
                for name, value in answer.headers.items()
                if name not in {"date", "x-request-id"}
            }
            for answer in (whole, head)
        ]
        assert told[0] == told[1]
    for path in ("/v1/challenge", "/metrics"):
        assert client.head(path).status_code == 200
    tag = client.head("/v1/key").headers["etag"]
    assert client.head("/v1/key", headers={"if-none-match": tag}).status_code == 304


def test_head_is_no_way_around_methods(client):
    answer = client.head("/v1/submissions")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert client.put("/v1/key").headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/v1/results/", "//evil.example/", "/v1/key/", "/healthz/"])
def test_no_answer_leads_to_the_host_of_the_request(client, path):
    answer = client.get(path, headers={"host": "evil.example"})
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert "evil" not in answer.text
