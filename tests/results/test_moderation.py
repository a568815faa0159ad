"""What becomes of a result is said in the log: it is withdrawn, disputed, superseded, removed."""

import hashlib
import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from securesystemslib.signer import CryptoSigner
from typer.testing import CliRunner

from results.archive import archive, verification
from results.keys.identity import read_runner, runner_id, runner_toml
from results.proof import envelope, moderation, notice
from results.proof.keylog import KeyLog
from results.service import parcel
from results.service.publish import publish
from runners.cli import app as command_line
from runners.commands.admin import admin as admin_verbs
from suites.base.errors import CheckError, UserError
from tests.results import raw

NOW = datetime(2026, 11, 28, tzinfo=UTC)
UNKNOWN = "0" * 64


def signed_notice(action, result, by, *, at=NOW, **more):
    """A signed notice about a result."""
    if action == "disputed":
        more.setdefault("evidence", "https://example.org/why")
    more.setdefault("reason", f"it was {action}")
    return envelope.sign(moderation.draft(action, result, at, **more), by)


@pytest.fixture
def sent(client, sealed, signer):
    """Submits a result of the registered runner; gives its digest."""

    def sent(run_id, by=signer):
        return client.post("/v1/submissions", content=sealed(run_id, by=by)).json()["digest"]

    return sent


@pytest.fixture
def enter(client):
    """Sends a notice; gives status and what was answered."""

    def enter(data):
        answer = client.post(
            "/v1/notices", content=data, headers={"Content-Type": "application/json"}
        )
        return answer.status_code, answer.json()

    return enter


@pytest.fixture
def verified(tmp_path):
    """Publishes, and gives what `verify --json` says of each result."""

    def verified():
        publish(tmp_path / "data", tmp_path / "out")
        done = CliRunner().invoke(command_line(), ["verify", str(tmp_path / "out"), "--json"])
        told = json.loads(done.stdout)
        assert (done.exit_code, told["ok"]) == (0, True), told
        return {result["digest"]: result["moderation"] for result in told["results"]}

    return verified


def test_each_notice_counts_and_verify_tells_it(
    known, sent, enter, verified, signer, admin, client
):
    first, second = sent("run-1"), sent("run-2")
    assert verified() == {first: None, second: None}
    seen = []
    for action, by, more in [
        ("disputed", signer, {}),
        ("resolved", admin, {}),
        ("superseded", signer, {"newer": second}),
        ("withdrawn", signer, {}),
    ]:
        status, answer = enter(signed_notice(action, first, by, **more))
        assert (status, answer["moderation"]["state"]) == (201, action)
        told = verified()
        assert told[second] is None
        assert told[first] == answer["moderation"]
        seen.append((told[first]["state"], told[first]["ranks"]))
    assert seen == [
        ("disputed", True),
        ("resolved", True),
        ("superseded", False),
        ("withdrawn", False),
    ]
    history = told[first]["history"]
    assert [entry["action"] for entry in history] == [state for state, _ in seen]
    assert history[2]["newer"] == second
    assert all(entry["time"] for entry in history)
    page = client.get("/v1/moderation", params={"limit": 3}).json()
    assert [entry["action"] for entry in page["notices"]] == [state for state, _ in seen[:3]]
    page = client.get("/v1/moderation", params={"cursor": page["next"]}).json()
    assert ([entry["action"] for entry in page["notices"]], page["next"]) == (["withdrawn"], None)
    assert client.get("/v1/moderation", params={"result": second}).json()["notices"] == []
    listed = client.get("/v1/results").json()["results"]
    assert [result["moderation"] and result["moderation"]["state"] for result in listed] == [
        "withdrawn",
        None,
    ]


def test_of_a_removed_result_digest_and_reason_stay_and_the_rest_goes(
    known, sent, enter, verified, signer, admin, client, tmp_path, sealed
):
    digest, other = sent("run-1"), sent("run-2")
    assert enter(signed_notice("withdrawn", digest, signer))[0] == 201
    verified()
    place = tmp_path / "out" / "submissions" / f"{digest}.dsse.json"
    assert place.exists()
    removal = signed_notice(
        "removed", digest, admin, reason="an order", keyid=signer.public_key.keyid
    )
    assert enter(removal)[0] == 201
    told = verified()
    assert not place.exists()
    assert (told[digest]["state"], told[digest]["reason"]) == ("removed", "an order")
    assert told[other] is None
    assert client.get(f"/v1/submissions/{digest}/envelope").status_code == 410
    assert client.get(f"/v1/submissions/{digest}").json()["moderation"]["state"] == "removed"
    again = client.post("/v1/submissions", content=sealed("run-1"))
    assert again.json()["type"] == "urn:fenmark:problem:removed"
    assert not place.exists()
    # Who hides a result with no removal in the log is found out as before.
    (place.parent / f"{other}.dsse.json").unlink()
    problems = [
        line for verdict in verification.verify(tmp_path / "out") for line in verdict.problems
    ]
    assert problems == [f"{other}: logged, but its envelope is missing"]


@pytest.mark.parametrize(
    ("action", "by", "why"),
    [
        ("withdrawn", "admin", "is not signed by the key that signed the result"),
        ("withdrawn", "other", "is not signed by the key that signed the result"),
        ("superseded", "other", "is not signed by the key that signed the result"),
        ("resolved", "signer", "resolves a dispute, and there is none"),
        ("removed", "signer", "is signed by no administrator"),
    ],
)
def test_who_may_not_say_it_has_not_said_it(tmp_path, home, statement, signer, action, by, why):
    """In an archive of your own the key of the log is its administrator's, and its signer's."""
    other = CryptoSigner.generate_ed25519()
    [first] = archive.envelopes(home)
    digest = first.name.partition(".")[0]
    owner = other if by == "admin" else signer
    mine = archive.accept(home, envelope.encode(statement("run-2")), owner, signer)
    newer = archive.accept(home, envelope.encode(statement("run-3")), owner, signer).digest
    result = mine.digest if by == "admin" else digest
    keys = {"admin": signer, "signer": signer, "other": other}
    if (action, by) == ("removed", "signer"):
        keys["signer"] = other
        archive.accept(home, envelope.encode(statement("run-4")), other, signer)
    more = {"superseded": {"newer": newer}, "removed": {"keyid": signer.public_key.keyid}}
    notice.lay(home, signed_notice(action, result, keys[by], **more.get(action, {})))
    with pytest.raises(CheckError, match=why):
        archive.enter_notices(home, signer)


def test_hostile_notices_count_for_nothing_and_leave_no_trace(
    known, sent, enter, verified, signer, admin, client, tmp_path
):
    stranger = CryptoSigner.generate_ed25519()
    old, new = sent("run-1"), sent("run-2")
    keyid = signer.public_key.keyid
    future = datetime.now(UTC) + timedelta(days=2)
    cases = [
        (signed_notice("disputed", old, stranger), 403, "no key known here"),
        (signed_notice("withdrawn", old, admin), 422, "is not signed by the key that signed"),
        (signed_notice("removed", old, signer, keyid=keyid), 422, "is signed by no administrator"),
        (signed_notice("removed", old, admin, keyid=UNKNOWN), 422, "names another key"),
        (signed_notice("withdrawn", UNKNOWN, signer), 422, "does not hold before it"),
        (signed_notice("resolved", old, admin), 422, "there is none"),
        (signed_notice("withdrawn", old, signer, at=future), 422, "is dated"),
        (signed_notice("superseded", new, signer, newer=old), 422, "names as newer"),
        (signed_notice("superseded", old, signer, newer=UNKNOWN), 422, "names as newer"),
        (signed_notice("superseded", old, signer, newer=old), 422, "names as newer"),
        (b"x" * 2**20, 413, "at most"),
        (b"{}", 400, ""),
        (b"[" * 30_000, 400, ""),
        (b"\xff\x00", 400, ""),
    ]
    for data, status, why in cases:
        code, answer = enter(data)
        assert (code, why in answer["detail"]) == (status, True), (answer, why)
        assert "\n" not in answer["detail"]
    assert set(verified().values()) == {None}
    assert not (tmp_path / "data" / "notices").exists()


def test_what_was_said_is_not_said_again(known, sent, enter, verified, signer, admin, client):
    digest = sent("run-1")
    dispute = signed_notice("disputed", digest, signer)
    assert [enter(dispute)[0], enter(dispute)[0]] == [201, 200]
    status, answer = enter(signed_notice("disputed", digest, signer, reason="once more"))
    assert (status, "second dispute" in answer["detail"]) == (422, True)
    waiting = client.get("/v1/moderation", params={"unresolved": True}).json()["notices"]
    assert [entry["notice"] for entry in waiting] == [envelope.digest(dispute)]
    assert enter(signed_notice("resolved", digest, admin))[0] == 201
    assert client.get("/v1/moderation?unresolved=true").json()["notices"] == []
    # The same words in other bytes would open the dispute again.
    status, answer = enter(dispute + b" ")
    assert (status, "says again" in answer["detail"]) == (422, True)
    assert enter(signed_notice("resolved", digest, admin, reason="once more"))[0] == 422
    assert enter(signed_notice("withdrawn", digest, signer))[0] == 201
    status, answer = enter(signed_notice("withdrawn", digest, signer, reason="once more"))
    assert (status, "withdrawn already" in answer["detail"]) == (422, True)
    assert verified()[digest]["state"] == "withdrawn"


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "a" * 2**20},
        {"reason": "\x1b[31mred"},
        {"reason": "two\nlines"},
        {"reason": "  "},
        {"reason": "ok", "newer": "0" * 64},
        {"reason": "ok", "evidence": "x"},
        {"reason": "ok", "action": "praised"},
        {"reason": "ok", "at": "2026-02-30T00:00:00Z"},
        {"reason": "ok", "at": "yesterday"},
        {"reason": "ok", "more": 1},
    ],
)
def test_a_notice_that_says_something_else_is_one_printable_line(signer, change):
    payload = json.loads(
        envelope.payload_of(signed_notice("withdrawn", UNKNOWN, signer), "a notice")
    )
    payload["predicate"].update(change)
    with pytest.raises(UserError) as caught:
        moderation.read(envelope.sign(json.dumps(payload).encode(), signer), "a notice")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000


def test_a_log_that_looks_away_enters_a_notice_and_every_reader_refuses_it(home, signer):
    [place] = archive.envelopes(home)
    digest = place.name.partition(".")[0]
    forged = signed_notice("removed", digest, CryptoSigner.generate_ed25519(), keyid=UNKNOWN)
    notice.lay(home, forged)
    log = archive.Ledger(home / "log")
    entry = moderation.entry(envelope.digest(forged))
    log.append(entry, origin=log.unverified().origin, signer=signer)
    place.unlink()
    problems = {line for verdict in verification.verify(home) for line in verdict.problems}
    assert problems == {
        f"{digest}: logged, but its envelope is missing",
        f"{envelope.digest(forged)}: is signed by no administrator of this log",
    }
    shutil.rmtree(home / "notices")
    problems = [line for verdict in verification.verify(home) for line in verdict.problems]
    assert any("cannot be read" in line for line in problems)


def test_a_reader_sees_what_the_board_said_on_a_date(home, signer):
    [place] = archive.envelopes(home)
    digest = place.name.partition(".")[0]
    for action in ("disputed", "resolved", "withdrawn"):
        notice.lay(home, signed_notice(action, digest, signer))
        archive.enter_notices(home, signer)
    state = archive.moderated(home)[digest]
    names = [state.before(placed.index).name for placed in state.notices]
    assert [*names, state.name] == ["", "disputed", "resolved", "withdrawn"]


def test_the_shell_says_it_in_an_archive_of_ones_own(home, signer, tmp_path, verb):
    key = tmp_path / "key.pem"
    key.write_bytes(signer.private_bytes)
    key.chmod(0o600)
    [place] = archive.envelopes(home)
    digest = place.name.partition(".")[0]
    why = ("--reason", "the fan was broken", "--by", key, "--into", home)
    verb("dispute", digest, "--evidence", "a photograph", *why, group=admin_verbs)
    shown = CliRunner().invoke(command_line(), ["show", str(home)])
    assert "disputed" in shown.stdout
    assert "evidence: a photograph" in shown.stdout
    with pytest.raises(CheckError, match="names as newer"):
        verb("supersede", digest, UNKNOWN, *why, group=admin_verbs)
    verb("remove", digest, *why, group=admin_verbs)
    assert archive.envelopes(home) == []
    shown = CliRunner().invoke(command_line(), ["verify", str(home)])
    assert shown.exit_code == 0
    assert "removed, in the log" in shown.stdout
    assert "the fan was broken" in shown.stdout
    with pytest.raises(UserError, match="holds no result of this digest"):
        verb("remove", digest, *why, group=admin_verbs)


def test_the_shell_sends_it_to_a_server(known, sent, client, admin, tmp_path, verb, verified):
    key = tmp_path / "admin.pem"
    key.write_bytes(admin.private_bytes)
    key.chmod(0o600)
    digest = sent("run-1")
    why = ("--reason", "an order", "--by", key, "--to", client.base_url)
    verb("remove", digest, *why, group=admin_verbs)
    assert verified()[digest]["reason"] == "an order"
    with pytest.raises(CheckError, match="was removed already"):
        verb("remove", digest, "--reason", "another order", *why[2:], group=admin_verbs)


def test_a_laid_notice_is_entered_with_the_next_result(
    known, sent, verified, tmp_path, verb, admin
):
    key = tmp_path / "admin.pem"
    key.write_bytes(admin.private_bytes)
    key.chmod(0o600)
    digest = sent("run-1")
    why = ("--reason", "an order", "--by", key, "--into", tmp_path / "data")
    assert "to be entered" in verb("remove", digest, *why, group=admin_verbs)
    assert verified()[digest] is None
    sent("run-2")
    assert verified()[digest]["state"] == "removed"


def test_who_took_over_a_key_speaks_for_it_and_a_stolen_one_for_nobody(
    known, sent, enter, verified, signer, admin, tmp_path, lab
):
    new, others = CryptoSigner.generate_ed25519(), sent("run-1")
    old = runner_id(lab.public_key)
    notice.lay(tmp_path / "data", about_key("registered", lab, lab, admin))
    first = sent("run-2", lab)
    index = enter(signed_notice("disputed", others, lab))[1]["moderation"]["history"][0]["index"]
    notice.lay(tmp_path / "data", about_key("registered", new, new, lab, admin, replaces=old))
    assert enter(signed_notice("withdrawn", first, lab))[0] == 422  # it was replaced
    assert enter(signed_notice("withdrawn", first, new))[0] == 201
    told = verified()
    assert (told[first]["state"], told[others]["state"]) == ("withdrawn", "disputed")
    notice.lay(tmp_path / "data", about_key("revoked", lab, admin, since=index))
    sent("run-3")
    told = verified()  # the dispute was made with a key that is distrusted since
    assert (told[first]["state"], told[others]) == ("withdrawn", None)


def about_key(action, signer, *by, **more):
    """A notice about the signer's key, signed by each of the others."""
    replaces = {"replaces": more.pop("replaces")} if "replaces" in more else {}
    text = runner_toml(signer.public_key, owner="Lab", **replaces)
    more |= {"key_file": text} if action == "registered" else {"reason": "stolen"}
    runner = read_runner(text, "a key file")
    first, *rest = by
    data = envelope.sign(notice.draft(action, runner, NOW, **more), first)
    for cosigner in rest:
        data = notice.countersign(data, cosigner, "a notice")
    return data


def test_raw_samples_of_a_removed_result_go_with_it(
    known, enter, verified, signer, admin, client, tmp_path
):
    sealed, given = raw.honest_one("inference", signer)
    body = parcel.pack(sealed, given)
    kind = {"Content-Type": parcel.KIND}
    digest = client.post("/v1/submissions", content=body, headers=kind).json()["digest"]
    name = f"{hashlib.sha256(given).hexdigest()}.json"
    verified()
    assert (tmp_path / "out" / "samples" / name).exists()
    assert enter(signed_notice("removed", digest, admin, keyid=signer.public_key.keyid))[0] == 201
    verified()
    assert not (tmp_path / "out" / "samples" / name).exists()
    again = parcel.pack(sealed + b" ", given)  # the same words in another envelope
    assert client.post("/v1/submissions", content=again, headers=kind).json()["digest"] == digest
    assert list((tmp_path / "data" / "samples").iterdir()) == []


def test_what_programs_read_of_a_result_is_this(signer):
    newer, keyid = "1" * 64, signer.public_key.keyid
    told = [
        moderation.read(signed_notice("disputed", UNKNOWN, signer, reason="odd"), "a notice"),
        moderation.read(signed_notice("superseded", UNKNOWN, signer, newer=newer), "a notice"),
    ]
    placed = [moderation.Placed(7, None, keyid, told[0]), moderation.Placed(9, "T", keyid, told[1])]
    common = {"result": UNKNOWN, "at": "2026-11-28T00:00:00Z", "by": keyid}
    assert moderation.ResultState(tuple(placed)).to_json() == {
        "state": "superseded",
        "reason": "it was superseded",
        "newer": newer,
        "ranks": False,
        "history": [
            {
                "notice": told[0].digest,
                "index": 7,
                "time": None,
                "action": "disputed",
                "reason": "odd",
                "evidence": "https://example.org/why",
                **common,
            },
            {
                "notice": told[1].digest,
                "index": 9,
                "time": "T",
                "action": "superseded",
                "reason": "it was superseded",
                "newer": newer,
                **common,
            },
        ],
    }
    assert moderation.ResultState(()).to_json() is None


@pytest.mark.parametrize(
    ("action", "more", "why"),
    [
        ("disputed", {}, "is signed by no runner known here"),
        ("withdrawn", {}, "is not signed by the key that signed the result"),
        ("removed", {"keyid": UNKNOWN}, "is signed by no administrator of this log"),
    ],
)
def test_who_is_unknown_to_a_log_is_told_who_may_say_it(action, more, why):
    """Of an entry that is in a log all the same."""
    data = signed_notice(action, UNKNOWN, CryptoSigner.generate_ed25519(), **more)
    digest = envelope.digest(data)
    stated = moderation.Moderation.of(
        [(1, json.loads(moderation.entry(digest)))],
        {digest: data}.__getitem__,
        keys=KeyLog(),
        authority=[],
        logged=lambda _: moderation.Logged(0, UNKNOWN),
    )
    assert (stated.refused, stated.states) == ([(digest, why)], {})


def test_a_removed_results_owner_is_who_the_removal_names(signer, admin):
    """Its envelope is gone: nothing else says any more who may have superseded it."""
    newer, keyid = "1" * 64, signer.public_key.keyid
    notices = [
        signed_notice("superseded", UNKNOWN, signer, newer=newer),
        signed_notice("removed", UNKNOWN, admin, keyid=keyid),
    ]
    by_digest = {envelope.digest(data): data for data in notices}
    results = {UNKNOWN: moderation.Logged(0, None), newer: moderation.Logged(1, keyid)}
    stated = moderation.Moderation.of(
        [(2 + at, json.loads(moderation.entry(digest))) for at, digest in enumerate(by_digest)],
        by_digest.__getitem__,
        keys=KeyLog(known=[read_runner(runner_toml(signer.public_key), "a key")]),
        authority=[admin.public_key],
        logged=results.get,
    )
    assert stated.refused == []
    assert [placed.notice.action for placed in stated.notices] == ["superseded", "removed"]
