"""A stranger asks for a registration over HTTP; an administrator, or an identity, lets them in."""

import json
from base64 import b64encode
from datetime import datetime, timedelta

import pytest
from securesystemslib.signer import CryptoSigner
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from results.bench.postgres import new_schema
from results.keys.identity import read_runner, runner_id
from results.proof import envelope, notice
from results.service import engine as database
from results.service import request as requests
from results.service.backup import back_up, restore
from results.service.desk import Daily, Desk
from results.service.publish import publish
from results.service.request import Asked
from runners.machine.keys import registration
from tests.results.service.api.conftest import problem
from tests.results.test_moderation import NOW

pytestmark = pytest.mark.usefixtures("known")


def test_a_stranger_waits_is_accepted_and_submits(
    apply, accept, client, keys, sealed, tmp_path, fenmark
):
    _, lab = keys("lab")
    result = sealed("run-1", by=lab)
    assert problem(client.post("/v1/submissions", content=result)) == (403, "signature")
    asked = apply(hardware="8 × H200")
    assert (asked.status_code, asked.json()["state"]) == (202, "pending")
    assert client.get(asked.headers["location"]).json()["state"] == "pending"
    assert accept(asked).status_code == 201
    told = client.get(asked.headers["location"]).json()
    assert (told["state"], "contact" in told) == ("accepted", False)
    assert client.post("/v1/submissions", content=result).status_code == 201
    [owner] = [
        owner
        for owner in client.get("/v1/owners").json()["owners"]
        if owner["owner"] == "Example Lab"
    ]
    [runner] = owner["runners"]
    assert (runner["id"], runner["hardware"], runner["results"], runner["registered_by"]) == (
        runner_id(lab.public_key),
        "8 × H200",
        1,
        "log",
    )
    publish(tmp_path / "data", tmp_path / "out")
    told = json.loads(fenmark("verify", tmp_path / "out", "--json").stdout)
    assert [result["registered_by"] for result in told["results"]] == ["log"]


def test_the_contact_is_told_to_administrators_alone(apply, accept, ask, client, admin, tmp_path):
    asked = apply(contact="secret@example.org")
    accept(asked)
    listed = ask(admin, "GET", "/v1/registrations").json()["registrations"]
    assert [application["contact"] for application in listed] == ["secret@example.org"]
    publish(tmp_path / "data", tmp_path / "out")
    public = [
        client.get(path).text
        for path in ("/v1/owners", "/v1/notices", asked.headers["location"], "/v1/results")
    ]
    files = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    hidden = b64encode(b"secret@example.org")[:-4]
    assert not [text for text in public if "secret@" in text]
    assert not [data for data in files if b"secret@" in data or hidden in data]


def test_only_an_administrator_reads_the_queue_or_accepts(apply, accept, ask, client, keys):
    asked = apply()
    _, lab = keys("lab")
    for target in ("/v1/registrations", "/v1/admin", "/v1/admin/acts"):
        assert problem(ask(lab, "GET", target)) == (403, "signature")
        assert problem(client.get(target)) == (400, "invalid")
    body = {"registration": asked.json()["id"], "reason": "no"}
    assert problem(ask(lab, "POST", "/v1/admin/refuse", body)) == (403, "signature")
    made = registration(keys("lab")[0], "Example Lab", "")
    assert problem(client.post("/v1/notices", content=made)) == (403, "signature")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"host": "elsewhere.example"}, "other-target"),
        ({"target": "/v1/admin/acts"}, "other-target"),
        ({"method": "POST"}, "other-target"),
        ({"nonce": "AAAA"}, "nonce"),
    ],
)
def test_a_request_counts_where_it_was_meant(ask, client, admin, changes, name):
    asked = {
        "schema_version": 1,
        "method": "GET",
        "host": client.base_url.netloc.decode(),
        "target": "/v1/admin",
        "nonce": client.get("/v1/nonce").json()["nonce"],
        **changes,
    }
    data = requests.sign(admin, Asked.model_validate(asked))
    answer = client.get("/v1/admin", headers={"Authorization": requests.in_header(data)})
    assert problem(answer) == (403, name)


def test_a_request_counts_once(client, admin):
    asked = Asked(
        schema_version=1,
        method="GET",
        host=client.base_url.netloc.decode(),
        target="/v1/admin",
        nonce=client.get("/v1/nonce").json()["nonce"],
    )
    header = {"Authorization": requests.in_header(requests.sign(admin, asked))}
    assert client.get("/v1/admin", headers=header).status_code == 200
    assert problem(client.get("/v1/admin", headers=header)) == (403, "nonce")


def test_nobody_registers_a_key_they_do_not_have(ask, client, keys):
    path, _ = keys("lab")
    made = registration(path, "Example Lab", "")
    thief = CryptoSigner.generate_ed25519()
    body = {"notice": made.decode(), "contact": ""}
    assert problem(ask(thief, "POST", "/v1/registrations", body)) == (403, "signature")


def test_what_could_never_count_does_not_wait(apply, keys):
    path, _ = keys("nobody")
    for more, reason in (
        ({"replaces": path}, "whose key is not known here"),
        ({"owner": "Lab\u202e"}, "characters that do not show"),
        ({"hardware": "a\nb"}, "control characters"),
    ):
        answer = apply(**more)
        assert problem(answer) == (422, "registration"), more
        assert reason in answer.json()["detail"]


def test_a_refused_one_reads_why_and_leaves_no_contact(apply, ask, client, admin):
    asked = apply()
    body = {"registration": asked.json()["id"], "reason": "nobody answers there"}
    assert ask(admin, "POST", "/v1/admin/refuse", body).status_code == 200
    assert problem(ask(admin, "POST", "/v1/admin/refuse", body)) == (404, "not-found")
    told = client.get(asked.headers["location"]).json()
    assert (told["state"], told["reason"]) == ("refused", "nobody answers there")
    [row] = ask(admin, "GET", "/v1/registrations").json()["registrations"]
    assert row["contact"] == ""
    [act] = ask(admin, "GET", "/v1/admin/acts").json()["acts"]
    assert (act["action"], act["by"]) == ("refuse", admin.public_key.keyid)
    signed = envelope.verify(act["request"].encode(), [admin.public_key], "act")
    assert body["registration"].encode() in signed.payload


def test_a_second_application_of_a_key_takes_the_place_of_the_first(apply, ask, admin):
    first, second = apply(owner="Lab A"), apply(owner="Lab B")
    listed = ask(admin, "GET", "/v1/registrations?state=pending").json()["registrations"]
    assert [application["id"] for application in listed] == [second.json()["id"]]
    assert first.json()["id"] != second.json()["id"]


def test_a_key_is_replaced_with_the_consent_of_the_old_one(apply, accept, client, keys, sealed):
    accept(apply("lab"))
    path, old = keys("lab")
    new = apply("new", replaces=path)
    assert accept(new).status_code == 201
    assert problem(client.post("/v1/submissions", content=sealed("run-1", by=old))) == (
        403,
        "key-revoked",
    )
    result = sealed("run-1", by=keys("new")[1])
    assert client.post("/v1/submissions", content=result).status_code == 201


def test_a_recovery_key_revokes_and_replaces_what_was_lost(
    apply, accept, client, keys, sealed, fenmark, tmp_path
):
    _, lost = keys("lab")
    recovery_path, recovery = keys("recovery")
    public = recovery.public_key.keyval["public"]
    accept(apply("lab", recovery=public))
    [runner] = [
        runner
        for page in client.get("/v1/owners").json()["owners"]
        for runner in page["runners"]
        if page["owner"] == "Example Lab"
    ]
    made = registration(keys("lab")[0], "Example Lab", "", recovery=public)
    file = tmp_path / "lost.toml"
    file.write_text(json.loads(envelope.payload_of(made, "x"))["predicate"]["key_file"])
    stranger, _ = keys("stranger")
    revoke = ["keys", "notice", "revoked", file, "--reason", "lost", "--to", client.base_url]
    refused = fenmark(*revoke, "--by", stranger)
    assert (refused.returncode, "recovery key" in refused.stderr) == (1, True)
    done = fenmark(*revoke, "--by", recovery_path)
    assert done.returncode == 0, done.stderr
    answer = client.post("/v1/submissions", content=sealed("run-1", by=lost))
    assert problem(answer) == (403, "key-revoked")
    assert problem(apply("thief", replaces=stranger, recovers=runner["id"])) == (
        422,
        "registration",
    )
    assert accept(apply("new", replaces=recovery_path, recovers=runner["id"])).status_code == 201
    result = sealed("run-2", by=keys("new")[1])
    assert client.post("/v1/submissions", content=result).status_code == 201


def test_a_recovery_key_reaches_not_back(apply, accept, client, keys):
    _, recovery = keys("recovery")
    public = recovery.public_key.keyval["public"]
    accept(apply("lab", recovery=public))
    made = registration(keys("lab")[0], "Example Lab", "", recovery=public)
    text = json.loads(envelope.payload_of(made, "x"))["predicate"]["key_file"]
    draft = notice.draft("revoked", read_runner(text, "x"), NOW, reason="lost", since=0)
    answer = client.post("/v1/notices", content=envelope.sign(draft, recovery))
    assert problem(answer) == (422, "notice")
    assert "takes an administrator" in answer.json()["detail"]


def test_the_commands_do_it_end_to_end(client, fenmark, keys, admin_pem, monkeypatch, tmp_path):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "lab"))
    where = ["--to", client.base_url]
    register = ["register", *where, "--owner", "Example Lab", "--contact", "me@example.org"]
    register += ["--recovery", tmp_path / "recovery.pem", "--json"]
    asked = json.loads(fenmark(*register).stdout)
    assert asked["state"] == "pending"
    by = ["--by", admin_pem]
    shown = fenmark("admin", "queue", *where, *by).stdout
    assert "1 registrations wait" in shown
    assert "'me@example.org'" in shown
    wrong = fenmark("admin", "register", "ffff", *where, *by)
    assert (wrong.returncode, "0 registrations" in wrong.stderr) == (2, True)
    done = fenmark("admin", "register", asked["id"][:12], *where, *by)
    assert done.returncode == 0, done.stderr
    again = json.loads(fenmark(*register).stdout)
    assert (again["state"], again["id"]) == ("accepted", asked["id"])
    assert json.loads(fenmark("register", *where, "--json").stdout) == again
    acts = json.loads(fenmark("admin", "acts", *where, *by, "--json").stdout)["acts"]
    assert [act["action"] for act in acts] == ["registered"]


def test_who_never_asked_has_to_say_who_they_are(client, fenmark, monkeypatch, tmp_path):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "lab"))
    told = fenmark("register", "--to", client.base_url, "--json")
    assert (told.returncode, "--owner" in told.stderr) == (2, True)
    monkeypatch.setenv("FENMARK_OWNER", "Example Lab")
    told = fenmark("register", "--to", client.base_url, "--json")
    assert json.loads(told.stdout)["state"] == "pending"


class _Tomorrow(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(days=1)


def test_who_was_refused_may_ask_anew(client, fenmark, admin_pem, monkeypatch, tmp_path):
    monkeypatch.setenv("FENMARK_HOME", str(tmp_path / "lab"))
    where = ["--to", client.base_url]
    register = ["register", *where, "--owner", "Example Lab", "--json"]
    asked = json.loads(fenmark(*register).stdout)
    refuse = ["admin", "refuse", asked["id"], "--reason", "who?", *where, "--by", admin_pem]
    assert fenmark(*refuse).returncode == 0
    told = fenmark(*register)
    assert (told.returncode, json.loads(told.stdout)["reason"]) == (1, "who?")
    monkeypatch.setattr("runners.machine.keys.datetime", _Tomorrow)
    again = json.loads(fenmark(*register).stdout)
    assert (again["state"], again["id"] == asked["id"]) == ("pending", False)


def test_a_day_has_an_end_for_each_owner(client, ask, apply, accept, admin, keys, sealed):
    accept(apply("lab"))
    _, lab = keys("lab")
    body = {"owner": "Example Lab", "submissions": 2}
    assert ask(admin, "POST", "/v1/admin/quota", body).json() == {**body, "bytes": 0}
    answers = [client.post("/v1/submissions", content=sealed(f"run-{at}", by=lab)) for at in "112"]
    # The same again costs nothing.
    assert [answer.status_code for answer in answers] == [201, 200, 201]
    over = client.post("/v1/submissions", content=sealed("run-3", by=lab))
    assert problem(over) == (429, "owner-quota")
    assert 0 < int(over.headers["retry-after"]) <= 86_401
    size = {"owner": "Example Lab", "bytes": 1}
    assert ask(admin, "POST", "/v1/admin/quota", size).status_code == 200
    over = client.post("/v1/submissions", content=sealed("run-3", by=lab))
    assert "1 bytes a day" in over.json()["detail"]
    assert ask(admin, "POST", "/v1/admin/quota", {"owner": "Example Lab"}).status_code == 200
    assert client.post("/v1/submissions", content=sealed("run-3", by=lab)).status_code == 201


def test_a_restart_forgets_no_quota_and_no_switch(serving, sealed, admin, signer):
    def ask(client, target, body):
        asked = Asked(
            schema_version=1,
            method="POST",
            host=client.base_url.netloc.decode(),
            target=target,
            nonce=client.get("/v1/nonce").json()["nonce"],
            body=body,
        )
        return client.post(target, content=requests.sign(admin, asked))

    owner = runner_id(signer.public_key)
    with serving() as client:
        assert ask(client, "/v1/admin/quota", {"owner": owner, "submissions": 1}).is_success
        assert client.post("/v1/submissions", content=sealed("run-1")).status_code == 201
    with serving() as client:
        over = client.post("/v1/submissions", content=sealed("run-2"))
        assert problem(over) == (429, "owner-quota")
        assert ask(client, "/v1/admin/switches", {"read_only": True}).is_success
    with serving() as client:
        assert problem(client.post("/v1/submissions", content=sealed())) == (503, "read-only")


def test_read_only_refuses_writes_with_a_time_and_reading_goes_on(
    client, fenmark, admin_pem, sealed, apply
):
    first = client.post("/v1/submissions", content=sealed("run-1")).json()["digest"]
    switch = ["admin", "read-only", "on", "--message", "moving house", "--retry-after", "120"]
    done = fenmark(*switch, "--to", client.base_url, "--by", admin_pem)
    assert done.returncode == 0, done.stderr
    for answer in (
        client.post("/v1/submissions", content=sealed("run-2")),
        client.post("/v1/notices", content=b"{}"),
        apply(),
    ):
        assert problem(answer) == (503, "read-only")
        assert answer.json()["detail"] == "moving house"
        assert answer.headers["retry-after"] == "121"
    assert client.get(f"/v1/submissions/{first}").status_code == 200
    told = client.get("/healthz").json()
    assert (told["read_only"], told["message"], told["status"]) == (True, "moving house", "ok")
    off = ["admin", "read-only", "off", "--message", "", "--to", client.base_url]
    assert fenmark(*off, "--by", admin_pem).returncode == 0
    assert client.post("/v1/submissions", content=sealed("run-2")).status_code == 201


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_the_database_itself_keeps_what_was_done(client, ask, admin, tmp_path, database):
    assert ask(admin, "POST", "/v1/admin/switches", {"message": "hello"}).is_success
    engine = create_engine(database or f"sqlite:///{tmp_path / 'data' / 'fenmark.db'}")
    for change in ("UPDATE acts SET action = 'other'", "DELETE FROM acts"):
        with engine.connect() as connection, pytest.raises(DBAPIError, match="only added"):
            connection.execute(text(change))
    engine.dispose()
    [act] = ask(admin, "GET", "/v1/admin/acts").json()["acts"]
    assert (act["action"], act["detail"]) == ("switches", {"message": "hello"})


def test_strangers_fill_no_queue(apply, client, monkeypatch):
    monkeypatch.setattr("results.service.desk.MOST_PENDING", 2)
    answers = [apply(f"lab-{number}") for number in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 503]
    assert problem(answers[-1]) == (503, "too-many-pending")
    answers = [apply(f"lab-{number}") for number in range(9)]
    assert problem(answers[-1]) == (429, "too-many-requests")


def test_a_desk_that_was_restored_into_postgresql_goes_on(
    client, ask, admin, sealed, tmp_path, postgres
):
    assert client.post("/v1/submissions", content=sealed()).is_success
    assert ask(admin, "POST", "/v1/admin/quota", {"owner": "Lab", "submissions": 7}).is_success
    back_up(tmp_path / "data", tmp_path / "backup.tar.gz")
    url = new_schema(postgres)
    restore(tmp_path / "backup.tar.gz", tmp_path / "restored", url=url)
    with database.connect(tmp_path / "restored", url) as engine:
        desk = Desk(engine)
        assert desk.quotas == {"Lab": Daily(submissions=7)}
        desk.note(by="k", action="quota", subject="x", detail={}, request=b"", now=NOW)
        assert [act["at"] for act in desk.acts(0, 9)] == [1, 2]
    assert "fenmark_backed_up_entries" in client.get("/metrics").text
