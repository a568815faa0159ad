"""What a dishonest applicant, owner or passer-by tries with registrations and the page."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from results.keys.identity import runner_id, runner_toml
from results.keys.owner_names import name_fault, reads_as
from results.proof import envelope, notice
from results.service import request as requests
from results.service.request import Asked
from runners.machine.keys import registration
from tests.results.service.api.conftest import problem
from tests.results.test_moderation import NOW, signed_notice

pytestmark = pytest.mark.usefixtures("known")


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("NVIDIA", "NVlDIA"),
        ("NVIDIA", "ΝVIDIА"),  # noqa: RUF001 - Greek and Cyrillic capitals
        ("Example Lab", "example-lab."),
        ("Example Lab", "Ехаmple Lаb"),  # noqa: RUF001 - Cyrillic
        ("Lab 10", "Lab lO"),
        ("智算中心", "智算中心。"),
    ],
)
def test_names_that_look_alike_read_the_same(name, alike):
    assert reads_as(name) == reads_as(alike)


@pytest.mark.parametrize("name", ["Lab A", "智算中心", "Łódź", "...", "Lab 10 GmbH & Co"])
def test_other_names_stay_apart(name):
    assert name_fault(name) == ""
    assert reads_as(name) != reads_as("Lab B")


def test_an_owner_that_cannot_be_told_from_others_does_not_wait(apply):
    for owner in (" Lab", "Lab  A", "Lab\u200b", "Lab\u202e", "Caf\u0065\u0301"):
        answer = apply(owner=owner)
        assert problem(answer) == (422, "registration"), owner
        assert "names an owner that" in answer.json()["detail"], owner


def test_an_administrator_is_told_of_owners_that_read_the_same(
    apply, accept, ask, admin, client, fenmark, admin_pem
):
    accept(apply("lab", owner="NVIDIA"))
    apply("thief", owner="NVlDIA")
    apply("another", owner="NVIDIA")
    waiting = ask(admin, "GET", "/v1/admin").json()["registrations"]
    assert {application["owner"]: application["alike"] for application in waiting} == {
        "NVlDIA": {"NVIDIA": 1},
        "NVIDIA": {"NVIDIA": 1},
    }
    shown = fenmark("admin", "queue", "--to", client.base_url, "--by", admin_pem).stdout
    assert "'NVIDIA' (runners: 1): reads the same" in shown
    assert "'NVIDIA' (runners: 1): registered already: ask them" in shown


def test_owners_that_read_the_same_and_all_their_keys_share_a_quota(
    ask, apply, accept, admin, keys, client, sealed
):
    for name, owner in (("a", "Lab"), ("b", "Lab"), ("c", "LAB.")):
        accept(apply(name, owner=owner))
        body = {"owner": owner, "submissions": 2}
        assert ask(admin, "POST", "/v1/admin/quota", body).is_success
    answers = [
        client.post("/v1/submissions", content=sealed("run-1", by=keys(name)[1])).status_code
        for name in "abc"
    ]
    assert answers == [201, 201, 429]


def test_a_relay_cannot_pass_on_what_was_signed_for_it(client, admin):
    """The relay fetches a nonce here, has it signed for its own name, and writes that as Host."""
    asked = Asked(
        schema_version=1,
        method="GET",
        host="relay.example",
        target="/v1/admin",
        nonce=client.get("/v1/nonce").json()["nonce"],
    )
    header = requests.in_header(requests.sign(admin, asked))
    answer = client.get("/v1/admin", headers={"Authorization": header, "Host": "relay.example"})
    assert problem(answer) == (403, "other-target")


def test_a_server_knows_its_names(serving, admin):
    with serving(names=["Board.example"]) as client:
        for host, status in (("board.example", 200), ("board.example:81", 403)):
            asked = Asked(
                schema_version=1,
                method="GET",
                host=host,
                target="/v1/admin",
                nonce=client.get("/v1/nonce").json()["nonce"],
            )
            header = {"Authorization": requests.in_header(requests.sign(admin, asked))}
            assert client.get("/v1/admin", headers=header).status_code == status


def test_a_stolen_key_hands_itself_over_to_nobody_once_it_is_revoked(
    apply, accept, ask, client, keys, admin
):
    recovery_path, recovery = keys("recovery")
    accept(apply("lab", recovery=recovery.public_key.keyval["public"]))
    stolen_path, stolen = keys("lab")
    revoked = _revoked(stolen_path, recovery, recovery.public_key.keyval["public"])
    assert client.post("/v1/notices", content=revoked).status_code == 201
    thief = apply("thief", replaces=stolen_path)
    assert problem(thief) == (422, "registration")
    assert "only its recovery key still may" in thief.json()["detail"]
    lost = runner_id(stolen.public_key)
    assert accept(apply("new", replaces=recovery_path, recovers=lost)).status_code == 201
    for name, path, more in (("late", stolen_path, {}), ("two", recovery_path, {"recovers": lost})):
        again = apply(name, replaces=path, **more)
        assert "which was replaced already" in again.json()["detail"]


def _revoked(path, by, recovery):
    made = registration(path, "Example Lab", "", recovery=recovery)
    runner = notice.read(made, "x").runner
    return envelope.sign(notice.draft("revoked", runner, NOW, reason="stolen"), by)


def test_a_recovery_key_signs_no_results_and_is_another_key(apply, accept, client, keys, sealed):
    _, recovery = keys("recovery")
    accept(apply("lab", recovery=recovery.public_key.keyval["public"]))
    result = client.post("/v1/submissions", content=sealed("run-1", by=recovery))
    assert problem(result) == (403, "signature")
    own = apply("other", recovery=keys("other")[1].public_key.keyval["public"])
    assert "its own key as the one that recovers it" in own.json()["detail"]


def test_of_many_that_register_at_once_each_waits_once(apply, ask, admin, client, keys):
    path, signer = keys("lab")
    made = registration(path, "Example Lab", "").decode()
    with ThreadPoolExecutor(4) as pool:
        posted = list(
            pool.map(lambda _: ask(signer, "POST", "/v1/registrations", {"notice": made}), range(8))
        )
    assert {answer.status_code for answer in posted} == {202}
    [waiting] = ask(admin, "GET", "/v1/registrations").json()["registrations"]
    with ThreadPoolExecutor(4) as pool:
        signed = notice.countersign(waiting["notice"].encode(), admin, "registration")
        entered = list(
            pool.map(lambda _: client.post("/v1/notices", content=signed).status_code, range(8))
        )
    assert sorted(entered) == [200] * 7 + [201]
    assert len(ask(admin, "GET", "/v1/admin/acts").json()["acts"]) == 1


def test_what_the_log_holds_was_accepted_though_it_had_been_refused(apply, ask, admin, client):
    asked = apply()
    [waiting] = ask(admin, "GET", "/v1/registrations").json()["registrations"]
    body = {"registration": waiting["id"], "reason": "who?"}
    assert ask(admin, "POST", "/v1/admin/refuse", body).is_success
    signed = notice.countersign(waiting["notice"].encode(), admin, "registration")
    assert client.post("/v1/notices", content=signed).status_code == 201
    told = client.get(asked.headers["location"]).json()
    assert (told["state"], told["reason"]) == ("accepted", "")


def test_nothing_enters_the_log_while_the_server_is_read_only(
    client, ask, admin, sealed, runners, lab, signer, tmp_path
):
    digest = client.post("/v1/submissions", content=sealed("run-1")).json()["digest"]
    assert ask(admin, "POST", "/v1/admin/switches", {"read_only": True}).is_success
    before = client.get("/v1/checkpoint").text
    key = lab.public_key
    (runners / f"{runner_id(key)}.toml").write_text(runner_toml(key, owner="Lab"))
    notice.lay(tmp_path / "data", signed_notice("disputed", digest, signer))
    assert client.get("/v1/owners").is_success  # reads the key files and notices
    assert client.get("/v1/checkpoint").text == before
    assert ask(admin, "POST", "/v1/admin/switches", {"read_only": False}).is_success
    assert client.post("/v1/submissions", content=sealed("run-2", by=lab)).status_code == 201
    assert client.get(f"/v1/submissions/{digest}").json()["moderation"]["state"] == "disputed"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize(
    "path", ["/v1/registrations/%00", "/v1/registrations/x", "/v1/results?chip=%00"]
)
def test_odd_names_are_answered(client, path, database):
    assert client.get(path).status_code in {200, 400, 404}


def test_odd_forms_are_refused(client, ask, admin):
    link = ask(admin, "POST", "/v1/admin/login").json()["link"]
    token = link.partition("token=")[2]
    entered = client.post("/admin/enter", data={"token": token})
    session = {"Cookie": entered.headers["set-cookie"].partition(";")[0]}
    form = {"action": "refuse", "csrf": "é"}
    assert client.post("/admin/act", data=form, headers=session).status_code == 403
    assert client.post("/admin/act", data={"csrf": "\0"}, headers=session).status_code == 400
    for body in (b"\xff", b"a=" * 100, b"&" * 10_000):
        assert client.post("/admin/act", content=body, headers=session).status_code in {400, 403}


def test_the_oldest_that_nobody_accepted_are_forgotten(apply, ask, admin, monkeypatch):
    apply("first")
    monkeypatch.setattr("results.service.desk._KEPT", timedelta(days=-1))
    second = apply("second").json()["id"]
    listed = ask(admin, "GET", "/v1/registrations").json()["registrations"]
    assert [application["id"] for application in listed] == [second]
