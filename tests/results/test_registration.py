"""Keys are registered in the log itself, by themselves and an administrator, and taken back."""

import json
import shutil
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from securesystemslib.signer import CryptoSigner

from leaderboard.base.workers import Workers
from leaderboard.read import archives
from results.archive import archive, verification
from results.keys import keyfile
from results.keys.identity import read_runner, runner_id, runner_toml
from results.proof import envelope, notice
from results.service.api import notices
from results.service.publish import publish
from runners.machine import keys
from suites.base.errors import CheckError, UserError

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LATER = "2100-01-01T00:00:00Z"


def signed_notice(action, signer, *by, **more):
    """A notice about the signer's key, signed by each of the others."""
    about = {name: more.pop(name) for name in ("valid_until", "replaces") if name in more}
    text = runner_toml(signer.public_key, owner=more.pop("owner", "Lab"), **about)
    runner = read_runner(text, "a key file")
    if action == "registered":
        more["key_file"] = text
    else:
        more.setdefault("reason", "stolen")
    first, *rest = by
    data = envelope.sign(notice.draft(action, runner, NOW, **more), first)
    for cosigner in rest:
        data = notice.countersign(data, cosigner, "a notice")
    return data


@pytest.fixture
def lay(tmp_path):
    """Lays a notice where the server takes it from."""

    def lay(data):
        place = notice.place(tmp_path / "data", envelope.digest(data))
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)

    return lay


@pytest.fixture
def sent(client, sealed):
    """Submits a result of a signer; gives its digest, or the problem's name."""

    def sent(run_id, by):
        answer = client.post("/v1/submissions", content=sealed(run_id, by=by)).json()
        return answer.get("digest") or answer["type"].rpartition(":")[2]

    return sent


def told(tmp_path):
    """What `verify` says of what was published: by digest, tier, source and problems."""
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    publish(tmp_path / "data", tmp_path / "out")
    with Workers() as workers:
        read = archives.read([tmp_path / "out"], None, workers)
    verdicts = verification.verify(tmp_path / "out")
    sound = {verdict.digest: verdict.tier for verdict in verdicts if not verdict.problems}
    assert {digest: source.tier for digest, source in read.sources.items()} == sound
    return {
        verdict.digest: (verdict.tier, verdict.registered_by, verdict.problems)
        for verdict in verdicts
    }


def test_a_key_registers_itself_with_an_administrators_word(known, lay, sent, lab, admin, tmp_path):
    assert sent("early", lab) == "signature"
    lay(signed_notice("registered", lab, lab, admin))
    digest = sent("run-1", lab)
    assert told(tmp_path)[digest] == ("registered", "log", ())


@pytest.mark.parametrize(
    ("by", "owner", "why"),
    [
        (("admin",), "Lab", "is not signed by the key it registers"),
        (("lab",), "Lab", "is signed by no administrator"),
        (("lab", "stranger"), "Lab", "is signed by no administrator"),
        (("stranger", "admin"), "Lab", "is not signed by the key it registers"),
        (("lab", "admin"), " ", "names no owner"),
    ],
)
def test_a_registration_without_all_its_words_counts_for_nothing(
    known, lay, sent, lab, admin, by, owner, why, caplog
):
    signers = {"lab": lab, "admin": admin, "stranger": CryptoSigner.generate_ed25519()}
    lay(signed_notice("registered", lab, *(signers[name] for name in by), owner=owner))
    assert sent("run-1", lab) == "signature"
    assert why in caplog.text


def test_the_logs_own_key_registers_nobody_where_administrators_are_named(
    known, lay, sent, lab, log_signer
):
    lay(signed_notice("registered", lab, lab, log_signer))
    assert sent("run-1", lab) == "signature"


def test_a_log_that_nobody_knows_registers_nobody(lay, sent, lab, log_signer, tmp_path):
    lay(signed_notice("registered", lab, lab, log_signer))  # there its own key administers it
    digest = sent("run-1", lab)
    publish(tmp_path / "data", tmp_path / "out")
    [verdict] = verification.verify(tmp_path / "out")
    assert (verdict.digest, verdict.tier, verdict.problems) == (digest, "self-signed", ())
    assert "not a known log" in verdict.tier_reason


def test_a_log_that_looks_away_enters_a_notice_and_every_reader_refuses_it(
    known, lay, sent, lab, admin, tmp_path, log_signer, signer
):
    forged = signed_notice("registered", lab, lab, CryptoSigner.generate_ed25519())
    sent("run-1", signer)
    publish(tmp_path / "data", tmp_path / "out")
    place = notice.place(tmp_path / "out", envelope.digest(forged))
    place.parent.mkdir()
    place.write_bytes(forged)
    entry = notice.notice_entry(envelope.digest(forged))
    log = archive.Ledger(tmp_path / "out" / "log")
    log.extend([entry], origin=log.unverified().origin, signer=log_signer)
    problems = [
        line for verdict in verification.verify(tmp_path / "out") for line in verdict.problems
    ]
    assert any("is signed by no administrator" in line for line in problems)
    with Workers() as workers:
        shown = archives.read([tmp_path / "out"], None, workers)
    assert shown.refused == (
        (envelope.digest(forged), "is signed by no administrator of this log"),
    )
    assert len(shown.sources) == 1


def test_a_notice_that_was_removed_is_missed(known, lay, sent, lab, admin, tmp_path):
    lay(signed_notice("registered", lab, lab, admin))
    sent("run-1", lab)
    publish(tmp_path / "data", tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "notices")
    problems = [
        line for verdict in verification.verify(tmp_path / "out") for line in verdict.problems
    ]
    assert any("cannot be read" in line for line in problems)


def test_a_revocation_reaches_back_to_the_entry_it_names_and_no_further(
    known, lay, sent, lab, admin, tmp_path, client
):
    lay(signed_notice("registered", lab, lab, admin))
    good, stolen = sent("run-1", lab), sent("run-2", lab)
    place = client.get(f"/v1/submissions/{stolen}").json()["index"]
    lay(signed_notice("revoked", lab, admin, since=place))
    assert sent("run-3", lab) == "key-revoked"
    verdicts = told(tmp_path)
    assert verdicts[good] == ("registered", "log", ())
    assert "after the key" in verdicts[stolen][2][0]


def test_an_owner_revokes_a_key_from_now_on_and_takes_nothing_back(
    known, lay, sent, lab, admin, tmp_path, caplog
):
    lay(signed_notice("registered", lab, lab, admin))
    digest = sent("run-1", lab)
    lay(signed_notice("revoked", lab, lab, since=0))  # a thief would like to
    assert len(sent("run-2", lab)) == 64
    assert "takes an administrator" in caplog.text
    lay(signed_notice("revoked", lab, lab))
    assert sent("run-3", lab) == "key-revoked"
    assert told(tmp_path)[digest][2] == ()


def test_a_stranger_revokes_nothing(known, lay, sent, lab, admin, caplog):
    lay(signed_notice("registered", lab, lab, admin))
    lay(signed_notice("revoked", lab, CryptoSigner.generate_ed25519()))
    assert len(sent("run-1", lab)) == 64
    assert "signed neither by its key, its recovery key nor an administrator" in caplog.text


@pytest.mark.parametrize("since", [None, 0])
def test_a_key_that_was_revoked_by_mistake_is_reinstated(
    known, lay, sent, lab, admin, tmp_path, since
):
    lay(signed_notice("registered", lab, lab, admin))
    first = sent("run-1", lab)
    lay(signed_notice("revoked", lab, admin, since=0))
    assert sent("run-2", lab) == "key-revoked"
    assert told(tmp_path)[first][2] != ()
    lay(signed_notice("reinstated", lab, lab, reason="I say so"))
    assert sent("run-2", lab) == "key-revoked"
    lay(signed_notice("reinstated", lab, admin, reason="it was another key", since=since))
    second = sent("run-2", lab)
    verdicts = told(tmp_path)
    assert verdicts[second] == ("registered", "log", ())
    assert (verdicts[first][2] == ()) == (since == 0)


def test_a_key_takes_over_with_the_old_ones_word_alone(
    known, lay, sent, lab, admin, tmp_path, caplog
):
    new, old = CryptoSigner.generate_ed25519(), runner_id(lab.public_key)
    lay(signed_notice("registered", lab, lab, admin))
    first = sent("run-1", lab)
    lay(signed_notice("registered", new, new, admin, replaces=old))
    assert sent("run-2", new) == "signature"
    assert "whose key has not signed that" in caplog.text
    lay(signed_notice("registered", new, new, lab, admin, replaces=old))
    second = sent("run-2", new)
    assert sent("run-3", lab) == "key-revoked"
    verdicts = told(tmp_path)
    assert {verdicts[digest] for digest in (first, second)} == {("registered", "log", ())}


def test_a_key_is_registered_once(known, lay, sent, lab, admin, tmp_path, caplog):
    lay(signed_notice("registered", lab, lab, admin))
    sent("run-1", lab)
    lay(signed_notice("registered", lab, lab, admin, owner="Somebody Else"))
    sent("run-2", lab)
    assert "is registered already" in caplog.text
    publish(tmp_path / "data", tmp_path / "out")
    assert len(list((tmp_path / "out" / "notices").iterdir())) == 1


def test_a_validity_is_held_against_the_logs_time_and_not_the_statements(
    known, lay, sent, lab, admin, tmp_path
):
    over, open_ = CryptoSigner.generate_ed25519(), lab
    # The statements say that their runs ended on 2026-11-23.
    lay(signed_notice("registered", over, over, admin, valid_until="2026-11-24T00:00:00Z"))
    lay(signed_notice("registered", open_, open_, admin, valid_until=LATER))
    assert sent("run-1", over) == "key-window"
    digest = sent("run-2", open_)
    assert told(tmp_path)[digest] == ("registered", "log", ())


@pytest.mark.parametrize(
    ("valid_until", "clock", "stated"),
    [
        (LATER, ["05:00:30", "05:00:50", "05:01:10"], ["05:00:30", "05:01:10"]),
        ("", ["05:00:30", "05:59:50", "06:00:10"], ["05:00:30", "06:00:10"]),
    ],
)
def test_the_log_states_the_time_to_the_minute_where_a_validity_hangs_on_it_else_each_hour(
    known, lay, sent, lab, admin, tmp_path, monkeypatch, valid_until, clock, stated
):
    lay(signed_notice("registered", lab, lab, admin, valid_until=valid_until))
    for number, time in enumerate(clock):
        moment = datetime.fromisoformat(f"2099-12-31T{time}Z")
        monkeypatch.setattr(
            "results.service.submission_check.datetime",
            SimpleNamespace(now=lambda _, at=moment: at),
        )
        assert len(sent(f"run-{number}", lab)) == 64
    publish(tmp_path / "data", tmp_path / "out")
    entries = [json.loads(entry) for entry in archive.Ledger(tmp_path / "out" / "log").entries()]
    times = [entry["time"] for entry in entries if entry["type"] == "time"]
    assert times == [f"2099-12-31T{time}Z" for time in stated]


def test_a_statement_dated_back_is_out_of_its_keys_validity(
    known, lay, sent, lab, admin, tmp_path, monkeypatch
):
    lay(signed_notice("registered", lab, lab, admin, valid_until="2026-11-24T00:00:00Z"))
    with monkeypatch.context() as patch:
        patch.setattr("results.keys.identity.Runner.may_sign", lambda *_: True)  # it looks away
        digest = sent("run-1", lab)
    [problem] = told(tmp_path)[digest][2]
    assert "it was entered at" in problem
    assert "outside the validity" in problem


def test_a_key_of_the_catalogue_that_ends_counts_where_a_known_log_states_the_time(
    tmp_path, monkeypatch, payload, signer
):
    folder = tmp_path / "catalogue"
    folder.mkdir()
    text = runner_toml(signer.public_key, owner="Lab", valid_until=LATER)
    (folder / f"{runner_id(signer.public_key)}.toml").write_text(text)
    monkeypatch.setattr(archive, "REGISTERED", folder)
    archive.accept(tmp_path / "results", payload, signer)
    [verdict] = verification.verify(tmp_path / "results")
    assert (verdict.tier, verdict.problems) == ("self-signed", ())
    assert "no known log here says when" in verdict.tier_reason


def test_a_result_is_no_notice_and_a_notice_no_result(client, lab, sealed):
    with pytest.raises(UserError):
        notice.read(sealed(), "a result")
    answer = client.post("/v1/submissions", content=signed_notice("registered", lab, lab))
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["predicate"].pop("key_file"),
        lambda document: document["predicate"].update(action="praised"),
        lambda document: document["predicate"].update(distrust_from=1),
        lambda document: document["predicate"].update(key_file="\x00"),
        lambda document: document["predicate"].update(key_file="id = " + "[" * 60_000),
        lambda document: document["subject"][0]["digest"].update(sha256="0" * 64),
        lambda document: document.update(more=1),
    ],
)
def test_a_notice_that_says_something_else_is_one_line(lab, change):
    payload = json.loads(envelope.payload_of(signed_notice("registered", lab, lab), "a notice"))
    change(payload)
    with pytest.raises(UserError) as caught:
        notice.read(envelope.sign(json.dumps(payload).encode(), lab), "a notice")
    assert "\n" not in str(caught.value)


def test_the_shell_registers_accepts_and_revokes(
    known, client, sealed, tmp_path, verb, admin, log_signer
):
    (tmp_path / "admin.pem").write_bytes(admin.private_bytes)
    (tmp_path / "admin.pem").chmod(0o600)
    place, file = tmp_path / "key.pem", tmp_path / "registration.dsse.json"
    key_file = tmp_path / "key.toml"
    key_file.write_text(verb("new", "--path", place))
    file.write_text(verb("register", "--path", place, "--owner", "Lab", "--contact", "a@b.org"))
    data = ("--by", tmp_path / "admin.pem", "--into", tmp_path / "data")
    assert "'Lab' 'a@b.org'" in verb("accept", file, *data)
    signer = keys.load(place).signer
    assert client.post("/v1/submissions", content=sealed("1", by=signer)).status_code == 201
    verb("notice", "revoked", key_file, "--reason", "lost", *data)
    assert client.post("/v1/submissions", content=sealed("2", by=signer)).status_code == 403
    [verdict] = told(tmp_path).values()
    assert verdict == ("registered", "log", ())


def test_the_shell_hands_over_from_one_key_to_another(tmp_path, verb):
    old = keyfile.create(tmp_path / "old.pem")
    new = keyfile.create(tmp_path / "new.pem")
    arguments = ("--path", tmp_path / "new.pem", "--replaces", tmp_path / "old.pem")
    made = notice.read(verb("register", *arguments, "--owner", "Lab").encode(), "printed")
    assert made.runner.replaces == runner_id(old.public_key)
    assert all(made.signed_by([key.public_key]) for key in (old, new))


def test_an_archive_of_ones_own_enters_a_notice_with_its_next_result(
    home, signer, statement, admin, lab
):
    data = signed_notice("revoked", signer, signer)
    place = notice.place(home, envelope.digest(data))
    place.parent.mkdir()
    place.write_bytes(data)
    archive.accept(home, envelope.encode(statement("run-2")), signer)
    before, after = sorted(verification.verify(home), key=lambda verdict: len(verdict.problems))
    assert before.problems == ()
    assert "after the key" in after.problems[0]
    unsound = signed_notice("registered", lab, admin)
    place.with_name(f"{envelope.digest(unsound)}.dsse.json").write_bytes(unsound)
    with pytest.raises(CheckError, match="is not signed by the key it registers"):
        archive.accept(home, envelope.encode(statement("run-3")), signer)


def test_the_api_lists_the_notices_of_the_log_a_page_at_a_time(
    known, client, lay, sent, lab, admin
):
    other = CryptoSigner.generate_ed25519()
    first, second = (
        signed_notice("registered", key, key, admin, owner="O") for key in (lab, other)
    )
    for data in (first, second):
        lay(data)
        sent(f"run-{envelope.digest(data)}", lab)
    revoked = signed_notice("revoked", lab, admin, since=2)
    lay(revoked)
    lay(signed_notice("revoked", other, lab))  # counts for nothing, and stays out
    sent("run-3", other)
    pages, cursor = [], "0"
    while cursor:
        page = client.get("/v1/notices", params={"limit": 2, "cursor": cursor}).json()
        pages.append(page["notices"])
        cursor = page["next"]
    told = [entry for page in pages for entry in page]
    assert [len(page) for page in pages] == [2, 1]
    assert [entry["digest"] for entry in told] == [*map(envelope.digest, (first, second, revoked))]
    assert told[0]["index"] < told[1]["index"] < told[2]["index"]
    assert told[0]["registered"]["id"] == runner_id(lab.public_key)
    assert (told[2]["action"], told[2]["since"], told[2]["reason"]) == ("revoked", 2, "stolen")
    keyid = other.public_key.keyid
    for filters, wanted in (
        ({"action": "revoked"}, [revoked]),
        ({"keyid": keyid}, [second]),
        ({"action": "revoked", "keyid": keyid}, []),
        ({"cursor": told[1]["index"] + 1}, [revoked]),
    ):
        answer = client.get("/v1/notices", params=filters).json()
        assert [entry["digest"] for entry in answer["notices"]] == [*map(envelope.digest, wanted)]
    again = client.get(f"/v1/notices/{envelope.digest(first)}/envelope")
    assert again.content == first
    assert "immutable" in again.headers["cache-control"]


def test_a_notice_that_counts_for_nothing_is_not_in_the_list(known, client, lay, sent, lab):
    forged = signed_notice("registered", lab, lab)
    lay(forged)
    sent("run-1", lab)
    assert client.get("/v1/notices").json() == {"notices": [], "next": None}
    for digest in (envelope.digest(forged), "0" * 64, "..", "x"):
        assert client.get(f"/v1/notices/{digest}/envelope").status_code == 404


@pytest.mark.parametrize(
    "query", ["action=bought", "keyid=x", "cursor=-1", "cursor=1e3", "limit=501", "limit=0"]
)
def test_a_filter_of_notices_that_is_none_is_a_problem(client, query):
    answer = client.get(f"/v1/notices?{query}")
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:fenmark:problem:invalid"


def test_a_page_of_notices_ends_early_where_none_fits(
    known, client, lay, sent, lab, admin, monkeypatch
):
    monkeypatch.setattr(notices, "_LOOKED_AT", 1)
    first, second = (
        signed_notice("registered", lab, lab, admin),
        signed_notice("revoked", lab, admin),
    )
    for data in (first, second):
        lay(data)
        sent(f"run-{envelope.digest(data)}", lab)
    page = client.get("/v1/notices", params={"action": "revoked"}).json()
    assert (page["notices"], bool(page["next"])) == ([], True)
    page = client.get("/v1/notices", params={"action": "revoked", "cursor": page["next"]}).json()
    assert [entry["digest"] for entry in page["notices"]] == [envelope.digest(second)]
