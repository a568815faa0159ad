"""The administrators' page: behind a signed request, no script, no form of another site."""

import base64
import hashlib
import re
from datetime import UTC, datetime

import pytest

from results.service import request as requests
from results.service.request import Asked
from results.service.sessions import LASTS, AdminSessions
from runners.machine.keys import registration

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def ask(client):
    """Sends a signed POST."""

    def ask(by, target, body=None):
        asked = Asked(
            schema_version=1,
            method="POST",
            host=client.base_url.netloc.decode(),
            target=target,
            nonce=client.get("/v1/nonce").json()["nonce"],
            body=body or {},
        )
        return client.post(target, content=requests.sign(by, asked))

    return ask


@pytest.fixture
def enter(client, ask):
    """Signs in; gives the headers of the session."""

    def enter(by):
        link = ask(by, "/v1/admin/login").json()["link"]
        entrance = client.get(link)
        token = re.search(r'name="token" value="([^"]+)"', entrance.text)[1]
        answer = client.post("/admin/enter", data={"token": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"))
        assert client.post("/admin/enter", data={"token": token}).status_code == 401  # once
        return {"Cookie": cookie.partition(";")[0]}

    return enter


@pytest.fixture
def act(client):
    """Sends a form of the page, with what stands in it for this session."""

    def act(session, action, **fields):
        page = client.get("/admin", headers=session).text
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)[1]
        form = {"csrf": csrf, "action": action, **fields}
        return client.post("/admin/act", data=form, headers=session)

    return act


@pytest.fixture
def waits(client, ask, tmp_path, lab):
    """A registration that waits; its id."""
    path = tmp_path / "lab.pem"
    path.write_bytes(lab.private_bytes)
    path.chmod(0o600)
    made = registration(path, "<script>Lab</script>", "")
    body = {"notice": made.decode(), "contact": "me@example.org"}
    return ask(lab, "/v1/registrations", body).json()["id"]


def test_without_a_session_there_is_only_how_to_get_one(client, waits):
    page = client.get("/admin")
    assert (page.status_code, "fenmark admin login" in page.text) == (401, True)
    assert "me@example.org" not in page.text
    forged = client.get("/admin", headers={"Cookie": "__Host-fenmark-admin=x"})
    assert forged.status_code == 401


def test_only_an_administrators_key_opens_it(ask, lab):
    assert ask(lab, "/v1/admin/login").status_code == 403


def test_the_page_shows_the_queue_and_runs_nothing(client, enter, waits, log_signer):
    page = client.get("/admin", headers=enter(log_signer))
    assert page.status_code == 200
    assert "me@example.org" in page.text
    assert "&lt;script&gt;Lab&lt;/script&gt;" in page.text
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in page.headers


def test_a_registration_is_accepted_from_the_page_where_the_log_is_its_own_administrator(
    client, enter, act, waits, log_signer, sealed, lab
):
    session = enter(log_signer)
    done = act(session, "accept", registration=waits)
    assert "Done: accept" in done.text
    assert client.get(f"/v1/registrations/{waits}").json()["state"] == "accepted"
    assert client.post("/v1/submissions", content=sealed("run-1", by=lab)).status_code == 201
    assert "registered" in client.get("/admin", headers=session).text  # what was done last


def test_who_keeps_a_key_elsewhere_is_shown_the_command(
    known, client, enter, act, waits, admin, lab
):
    session = enter(admin)
    page = client.get("/admin", headers=session).text
    assert f"fenmark admin register {waits[:16]}" in page
    assert 'value="accept"' not in page
    assert "takes your own key" in act(session, "accept", registration=waits).text
    assert client.get(f"/v1/registrations/{waits}").json()["state"] == "pending"
    refused = act(session, "refuse", registration=waits, reason="nobody knows them")
    assert "Done: refuse" in refused.text
    assert client.get(f"/v1/registrations/{waits}").json()["reason"] == "nobody knows them"


def test_switches_and_quotas_are_set_from_the_page(client, enter, act, log_signer, sealed):
    session = enter(log_signer)
    assert "Done: quota" in act(session, "quota", owner="Lab", submissions="5", bytes="").text
    assert "Lab: 5 results" in client.get("/admin", headers=session).text
    assert "Not done" in act(session, "quota", owner="Lab", submissions="-5", bytes="").text
    switch = {"read_only": "on", "message": "back at 14:00 UTC", "retry_after_s": "60"}
    act(session, "switches", **switch)
    assert client.post("/v1/submissions", content=sealed()).status_code == 503
    act(session, "switches", message="", retry_after_s="60")
    assert client.post("/v1/submissions", content=sealed()).status_code == 201
    assert "Not done" in act(session, "nothing").text


def test_a_disputed_result_is_resolved_and_removed_from_the_page(
    client, enter, act, log_signer, sealed, signer
):
    from tests.results.test_moderation import signed_notice

    digest = client.post("/v1/submissions", content=sealed("run-1")).json()["digest"]
    assert (
        client.post("/v1/notices", content=signed_notice("disputed", digest, signer)).status_code
        == 201
    )
    session = enter(log_signer)
    assert digest[:16] in client.get("/admin", headers=session).text
    assert "Not done" in act(session, "resolve", result=digest, reason="").text
    assert "Done" in act(session, "resolve", result=digest, reason="measured again").text
    assert client.get(f"/v1/submissions/{digest}").json()["moderation"]["state"] == "resolved"
    assert "Done" in act(session, "remove", result=digest, reason="court order").text
    assert client.get(f"/v1/submissions/{digest}/envelope").status_code == 410


def test_a_form_of_another_site_or_session_does_nothing(client, enter, act, log_signer):
    session = enter(log_signer)
    form = {"action": "switches", "read_only": "on", "message": ""}
    for more, headers in (
        ({}, {}),
        ({"csrf": "0" * 64}, {}),
        ({"csrf": "x"}, {"Sec-Fetch-Site": "cross-site"}),
    ):
        answer = client.post("/admin/act", data={**form, **more}, headers={**session, **headers})
        assert answer.status_code == 403
    assert client.post("/admin/act", data=form).status_code == 401
    assert client.get("/healthz").json()["read_only"] is False
    act(session, "leave")
    assert client.get("/admin", headers=session).status_code == 401


def test_links_and_sessions_end():
    sessions = AdminSessions()
    late = sessions.invite("key", NOW)
    assert sessions.begin(late, NOW.replace(minute=3)) is None
    token = sessions.begin(sessions.invite("key", NOW), NOW)
    assert sessions.find(token, NOW).by == "key"
    assert sessions.find(token, NOW + LASTS) is None
    other = sessions.begin(sessions.invite("key", NOW), NOW)
    assert sessions.find(other, NOW).csrf != sessions.find(token, NOW).csrf
