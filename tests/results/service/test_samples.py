"""Raw samples travel with a result, are checked against its figures and kept with it."""

import base64
import gzip
import hashlib
import json
import threading

import httpx
import pytest

from results.archive import archive, verification
from results.service import parcel, samples
from results.service.api import writing
from results.service.challenge import Challenges
from results.service.problem import Problem
from results.service.publish import publish
from results.service.samples import SampleFiles
from results.statement.nonce import seed_of
from runners.submit.submit import LogClient, Unreachable
from suites.base.errors import UserError
from tests.results import raw

KIND = {"Content-Type": parcel.KIND}


def digest_of(data):
    return hashlib.sha256(data).hexdigest()


def post(client, sealed, samples=None):
    if samples is None:
        return client.post("/v1/submissions", content=sealed)
    return client.post("/v1/submissions", content=parcel.pack(sealed, samples), headers=KIND)


def files(tmp_path):
    return sorted(path.name for path in (tmp_path / "data" / "samples").glob("*"))


def test_samples_come_with_a_result_and_are_served_and_published(client, signer, tmp_path):
    sealed, given = raw.honest_one("inference", signer)
    answer = post(client, sealed, given)
    told = answer.json()
    assert (answer.status_code, told["outcome"], told["findings"]) == (201, "accepted", [])
    assert [line for line in told["unchecked"] if "no raw samples" in line] == []
    served = client.get(f"/v1/samples/{digest_of(given)}")
    assert (served.status_code, served.content) == (200, given)
    assert "immutable" in served.headers["cache-control"]
    publish(tmp_path / "data", tmp_path / "out")
    assert (tmp_path / "out" / "samples" / f"{digest_of(given)}.json").read_bytes() == given
    [verdict] = verification.verify(tmp_path / "out")
    assert (verdict.problems, verdict.flags) == ((), [])


@pytest.mark.parametrize("lost", [False, True])
def test_a_server_that_takes_no_samples_gets_the_envelope_alone_and_it_is_said(
    client, signer, tmp_path, monkeypatch, lost
):
    """As servers from before samples travelled: they answer 415 to the body with both."""
    taken = {kind: most for kind, most in writing._BODY_TYPES.items() if kind != parcel.KIND}
    monkeypatch.setattr(writing, "_BODY_TYPES", taken)
    sealed, given = raw.honest_one("inference", signer)
    path = tmp_path / "mine" / f"{digest_of(sealed)}.dsse.json"
    beside = path.parent / "samples" / f"{digest_of(given)}.json"
    beside.parent.mkdir(parents=True)
    path.write_bytes(sealed)
    beside.write_bytes(given)
    known = LogClient(client=client, home=tmp_path / "known", pause=lambda _: None, attempts=1)
    if lost:
        real = client.request
        monkeypatch.setattr(client, "request", refused)
        with pytest.raises(Unreachable):
            known.submit(path)
        monkeypatch.setattr(client, "request", real)
        [path] = known.outbox()
    accepted = known.submit(path)
    assert accepted.new
    [told] = [line for line in accepted.unchecked if "kept here" in line]
    assert told.startswith("samples: kept here, http")
    assert known.outbox() == []
    assert (path.parent / "samples" / beside.name).read_bytes() == given
    assert files(tmp_path) == []


def refused(*_, **__):
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize("digest", ["0" * 64, "..%2Fkeys", "x"])
def test_samples_that_no_result_brought_are_not_found(client, digest):
    assert client.get(f"/v1/samples/{digest}").status_code == 404


def test_a_result_alone_is_taken_and_said_to_be_unchecked_until_its_samples_come(
    client, signer, tmp_path
):
    sealed, given = raw.honest_one("inference", signer)
    alone = post(client, sealed)
    assert (alone.status_code, alone.json()["flags"]) == (201, [])
    assert "samples: not checked, no raw samples were sent with it" in alone.json()["unchecked"]
    assert files(tmp_path) == []
    later = post(client, sealed, given)
    assert (later.status_code, later.json()["index"]) == (200, alone.json()["index"])
    assert files(tmp_path) == [f"{digest_of(given)}.json"]


@pytest.mark.parametrize("suite", raw.SUITES)
@pytest.mark.parametrize("change", [raw.with_false_figure, raw.with_false_samples])
def test_a_figure_that_the_samples_do_not_give_is_not_taken(
    client, signer, tmp_path, suite, change
):
    data, given = change(suite)
    figure = raw.figure_of(data, suite)
    sealed, _ = raw.signed(data, given, signer)
    answer = post(client, sealed, given)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:fenmark:problem:refused")
    [*errors] = [
        error for error in answer.json()["errors"] if error["field"].startswith(figure["case"])
    ]
    assert errors
    assert {error["rule"] for error in answer.json()["errors"]} >= {"samples"}
    assert any("is stated, its raw samples give" in error["detail"] for error in errors)
    assert files(tmp_path) == []


def with_body(envelope, samples):
    return json.dumps({"envelope": envelope, "samples": samples}).encode()


def packed(data):
    return base64.b64encode(gzip.compress(data)).decode()


ODD = {
    "no JSON": (lambda sealed, given: b"{", 400),
    "an envelope alone": (lambda sealed, given: sealed, 400),
    "no base64": (lambda sealed, given: with_body(sealed.decode(), "!"), 400),
    "no gzip": (lambda sealed, given: with_body(sealed.decode(), "AAAA"), 400),
    "cut short": (lambda sealed, given: with_body(sealed.decode(), packed(given)[:-40]), 400),
    "two of them": (
        lambda sealed, given: with_body(
            sealed.decode(), base64.b64encode(gzip.compress(given) * 2).decode()
        ),
        400,
    ),
    "others": (lambda sealed, given: with_body(sealed.decode(), packed(given + b" ")), 422),
    "none": (lambda sealed, given: with_body(sealed.decode(), packed(b"")), 422),
    "a bomb": (lambda sealed, given: with_body(sealed.decode(), packed(b" " * 2**25)), 400),
    "half a character": (lambda sealed, given: b'{"envelope":"\\ud800","samples":""}', 400),
    "too many bytes": (lambda sealed, given: b" " * (12 * 2**20 + 1), 413),
}


def test_odd_bodies_are_refused_by_name_and_leave_nothing(client, signer, tmp_path):
    sealed, given = raw.honest_one("inference", signer)
    for what, (make, status) in ODD.items():
        body = make(sealed, given)
        answer = client.post("/v1/submissions", content=body, headers=KIND)
        assert answer.status_code == status, what
        assert answer.json()["detail"].isprintable(), what
        assert files(tmp_path) == [], what
        assert client.get("/v1/results").json()["results"] == [], what


def test_a_body_above_an_envelopes_size_is_taken(client, signer, tmp_path):
    data, cells = raw.published("inference")
    # Hex digits of a hash: gzip makes half of them, and base64 two thirds.
    noise = "".join(
        hashlib.sha512(bytes([n, m])).hexdigest() for n in range(99) for m in range(160)
    )
    next(iter(cells.values()))["warnings"] = [noise]
    sealed, given = raw.signed(data, raw.named(data, cells), signer)
    assert len(parcel.pack(sealed, given)) > 2**20
    assert post(client, sealed, given).status_code == 201
    assert files(tmp_path) == [f"{digest_of(given)}.json"]


def test_samples_of_a_result_that_is_not_taken_do_not_stay(client, signer, tmp_path, monkeypatch):
    # Both were judged before either was stored, as where they come at once.
    monkeypatch.setattr(Challenges, "judge", lambda *_: None)
    answers = []
    for suite in ("inference", "serving"):
        data, cells = raw.published(suite)
        data["predicate"]["run"] |= {"nonce": "n", "seed": seed_of("n"), "suites": [suite]}
        every = data["predicate"]["measurements"]
        data["predicate"]["measurements"] = [item for item in every if item["suite"] == suite]
        cells = {name: cell for name, cell in cells.items() if name.startswith(suite)}
        answers.append(post(client, *raw.signed(data, raw.named(data, cells), signer)))
    assert [answer.status_code for answer in answers] == [201, 409]
    assert len(files(tmp_path)) == 1


def test_a_kill_between_samples_and_result_leaves_nothing_behind(serving, signer, tmp_path):
    sealed, given = raw.honest_one("inference", signer)
    with serving() as client:
        assert post(client, sealed, given).status_code == 201
    home = tmp_path / "data" / "samples"
    (home / f"{'a' * 64}.json").write_bytes(b"{}")
    (home / f".{'b' * 64}.json.1.partial").write_bytes(b"{")
    with serving():
        assert files(tmp_path) == [f"{digest_of(given)}.json"]


def named_none(_):
    return set()


def test_samples_that_another_result_waits_with_are_not_taken_from_it(tmp_path):
    kept = SampleFiles(tmp_path / "samples")
    for keyid in ("one", "other"):
        kept.keep("a" * 64, b"{}", keyid=keyid, day="2026-11-28")
    kept.settle("a" * 64, named_none, taken=False)
    assert kept.path("a" * 64)
    kept.settle("a" * 64, named_none, taken=False)
    assert kept.path("a" * 64) is None


def test_a_key_brings_so_many_bytes_a_day_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "_MOST_A_DAY", 10)
    kept = SampleFiles(tmp_path / "samples")
    kept.keep("a" * 64, b"12345678", keyid="one", day="2026-11-28")
    with pytest.raises(Problem, match="10 bytes of raw samples a day") as refused:
        kept.keep("b" * 64, b"123", keyid="one", day="2026-11-28")
    assert refused.value.status == 429
    assert kept.path("b" * 64) is None
    kept.keep("b" * 64, b"123", keyid="other", day="2026-11-28")
    kept.keep("c" * 64, b"12345678", keyid="one", day="2026-11-29")


def test_a_full_disk_is_said_and_nothing_half_written_stays(tmp_path, monkeypatch):
    def full(place, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(samples, "write_atomically", full)
    kept = SampleFiles(tmp_path / "samples")
    with pytest.raises(Problem, match="the disk is full") as refused:
        kept.keep("a" * 64, b"{}", keyid="one", day="2026-11-28")
    assert refused.value.status == 507
    kept.settle("a" * 64, named_none, taken=False)


def test_results_with_samples_that_arrive_at_once_are_all_kept(client, signer, tmp_path):
    sealed = [raw.honest_one("inference", signer, f"run-{n}") for n in range(4)]
    answers = []
    threads = [
        threading.Thread(
            target=lambda submission=submission: answers.append(post(client, *submission))
        )
        for submission in sealed
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 4
    # One of them brought what the others copied, and says so.
    assert sorted(answer.json()["outcome"] for answer in answers) == ["accepted", *["flagged"] * 3]
    assert len(files(tmp_path)) == 1


@pytest.fixture
def measured(tmp_path, signer):
    """An archive of one result whose samples lie beside it."""
    sealed, given = raw.honest_one("inference", signer)
    return raw.laid_out(tmp_path / "measured", sealed, given, signer)


def log_of(client, tmp_path, attempts=1):
    return LogClient(
        client=client, home=tmp_path / "known", pause=lambda _: None, attempts=attempts
    )


def test_submit_sends_the_samples_that_lie_beside_an_envelope(client, measured, tmp_path):
    accepted = log_of(client, tmp_path).submit(measured)
    assert (accepted.new, accepted.outcome) == (True, "accepted")
    assert not any("not checked, no raw samples" in line for line in accepted.unchecked)
    assert len(files(tmp_path)) == 1


def test_submit_sends_an_envelope_alone_and_says_so(client, measured, tmp_path):
    [place] = (measured.parent / "samples").iterdir()
    place.unlink()
    accepted = log_of(client, tmp_path).submit(measured)
    assert "samples: not checked, no raw samples were sent with it" in accepted.unchecked


def test_submit_does_not_send_samples_that_were_changed(client, measured, tmp_path):
    [place] = (measured.parent / "samples").iterdir()
    place.write_bytes(b"{}")
    with pytest.raises(UserError, match="not the raw samples that were signed for"):
        log_of(client, tmp_path).submit(measured)


def test_samples_wait_in_the_outbox_with_their_result(client, measured, tmp_path, monkeypatch):
    known = log_of(client, tmp_path)
    real = client.request
    monkeypatch.setattr(client, "request", lambda *_, **__: raise_(OSError("down")))
    with pytest.raises(Unreachable):
        known.submit(measured)
    monkeypatch.setattr(client, "request", real)
    [waiting] = known.outbox()
    assert known.submit(waiting).new
    assert len(files(tmp_path)) == 1
    assert known.outbox() == []
    assert not [*(tmp_path / "known" / "outbox" / "samples").iterdir()]


def raise_(_):
    import httpx

    raise httpx.ConnectError("down")


def test_what_was_published_ranks_with_samples_and_below_without(client, signer, tmp_path):
    from leaderboard.base.workers import Workers
    from leaderboard.read import archives

    sealed, given = raw.honest_one("inference", signer)
    post(client, sealed)
    out = tmp_path / "out"

    def doubts():
        with Workers() as workers:
            return set(archives.read([out], None, workers).rows["doubts"])

    publish(tmp_path / "data", out)
    assert all("no raw samples" in doubt for doubt in doubts())
    post(client, sealed, given)
    publish(tmp_path / "data", out)
    assert not any("no raw samples" in doubt for doubt in doubts())
    [path] = archive.envelopes(out)
    assert archive.open_result(path).evidence.rows
