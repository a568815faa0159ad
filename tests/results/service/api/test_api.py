"""The submission API: a receipt is a promise, everything else a problem with its name."""

import base64
import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.resources import files

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from securesystemslib.signer import CryptoSigner
from sqlalchemy import create_engine

from results.archive import verification
from results.keys.identity import runner_id, runner_toml
from results.proof import checkpoint, envelope, merkle
from results.proof.ledger import Ledger
from results.proof.receipt import Receipt
from results.service.api import SenderLimits
from results.service.orm import Base
from results.service.publish import publish
from results.service.store import open_store
from results.statement import strict_json
from results.statement.nonce import seed_of
from suites.base.errors import CheckError, UserError
from suites.kernels.spotcheck import recompute

# Every promise holds on both databases.
pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


def post(client, body, **headers):
    return client.post("/v1/submissions", content=body, headers=headers)


def receipt(response):
    return Receipt.from_json(response.json(), "receipt")


def test_a_submission_gets_a_receipt_whose_proof_holds(client, sealed, log_key):
    body = sealed()
    response = post(client, body)
    assert response.status_code == 201
    given = receipt(response)
    assert given.digest == envelope.digest(body)
    assert given.verify([log_key], "receipt").size == 2  # its key stands before it
    assert client.get(response.headers["location"]).json()["outcome"] == "accepted"
    assert client.get(f"{response.headers['location']}/envelope").content == body


def test_the_same_result_again_gets_the_same_receipt(client, sealed):
    first = post(client, sealed())
    post(client, sealed("run-2"))
    again = post(client, sealed())
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


def test_the_same_payload_in_other_json_is_the_same_result(client, sealed):
    first = post(client, sealed())
    again = post(client, json.dumps(json.loads(sealed()), indent=2).encode())
    assert (again.status_code, again.json()) == (200, first.json())


def test_a_stranger_cannot_claim_anothers_result(client, sealed, runners):
    thief = CryptoSigner.generate_ed25519()
    (runners / f"{runner_id(thief.public_key)}.toml").write_text(runner_toml(thief.public_key))
    original = sealed()
    stolen = envelope.sign(base64.b64decode(json.loads(original)["payload"]), thief)
    assert post(client, stolen).json()["type"] == "urn:fenmark:problem:other-runner"
    assert post(client, original).status_code == 201


def test_identical_submissions_at_once_are_one_result(client, sealed):
    body = sealed()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(client, body), range(16)))
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert len({json.dumps(answer.json(), sort_keys=True) for answer in answers}) == 1
    assert len(client.get("/v1/results").json()["results"]) == 1


def test_many_submissions_at_once_are_all_in_the_log(client, sealed, log_key):
    bodies = [sealed(f"run-{number}") for number in range(40)]
    with ThreadPoolExecutor(16) as pool:
        receipts = [receipt(answer) for answer in pool.map(lambda b: post(client, b), bodies)]
    assert sorted(item.index for item in receipts) == list(range(1, 41))
    for item in receipts:
        item.verify([log_key], "receipt")


def test_the_log_grows_consistently_and_says_so(client, sealed, log_key):
    post(client, sealed("run-1"))
    old = checkpoint.verify(client.get("/v1/checkpoint").content, [log_key], "old")
    for number in range(2, 6):
        post(client, sealed(f"run-{number}"))
    new = checkpoint.verify(client.get("/v1/checkpoint").content, [log_key], "new")
    answer = client.get("/v1/consistency/2").json()
    assert (answer["size"], new.size) == (6, 6)
    proof = [bytes.fromhex(item) for item in answer["proof"]]
    assert merkle.verify_consistency(2, old.root, new.size, new.root, proof)
    assert client.get("/v1/consistency/3", params={"to": 4}).json()["size"] == 4
    for path in ["7", "0", "x", "3?to=2", "3?to=7"]:
        assert client.get(f"/v1/consistency/{path}").status_code == 404


def test_receipts_are_the_same_after_a_restart(serving, sealed):
    with serving() as client:
        first = post(client, sealed("run-1")).json()
        post(client, sealed("run-2"))
    with serving() as client:
        again = post(client, sealed("run-1"))
    assert (again.status_code, again.json()) == (200, first)


def test_a_log_left_behind_its_rows_is_completed_on_opening(serving, sealed, tmp_path):
    with serving() as client:
        post(client, sealed("run-1"))
        shutil.copytree(tmp_path / "data/log", tmp_path / "earlier")
        lost = post(client, sealed("run-2")).json()
    shutil.rmtree(tmp_path / "data/log")
    (tmp_path / "earlier").rename(tmp_path / "data/log")
    with serving() as client:
        assert post(client, sealed("run-2")).json() == lost
        assert client.get("/v1/checkpoint").text == lost["checkpoint"]


def challenged(client):
    given = client.get("/v1/challenge").json()
    return given["nonce"], given["not_before"]


@pytest.mark.parametrize("wrong", [{"seed": 7}, {"not_before": "0" * 64}])
def test_a_challenge_seeds_the_inputs_and_is_bound_to_its_root(client, sealed, wrong):
    answer = post(client, sealed(challenge=challenged(client), **wrong))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["rule"] == "nonce"


CASE = "rmsnorm/f32/numpy/qwen2.5-0.5b/m512"


def kernels(elements):
    """Turns a statement into one of a kernel, with elements of its output."""

    def change(data):
        predicate = data["predicate"]
        predicate["run"]["suites"] = ["kernels"]
        [item] = predicate["measurements"]
        labels = {"model": "qwen2.5-0.5b"}
        item.update(suite="kernels", case=CASE, metric="time", labels=labels)
        predicate["outputs"] = [{"case": CASE, "elements": elements}] if elements else []

    return change


@pytest.mark.parametrize(
    ("elements", "rules"),
    [
        (list, []),
        (lambda true: [*true[:-1], true[-1] + 1], ["samples"]),
        (lambda _: [], ["samples"]),
    ],
)
def test_elements_of_outputs_are_computed_again_from_the_challenge(client, sealed, elements, rules):
    challenge = challenged(client)
    true, _ = recompute(
        CASE, model="qwen2.5-0.5b", profile_name="quick", seed=seed_of(challenge[0]), process=0
    )
    answer = post(client, sealed(challenge=challenge, change=kernels(elements(true))))
    assert answer.status_code == 201
    assert [finding["rule"] for finding in answer.json()["findings"]] == rules


def test_a_challenge_is_good_for_one_result(client, sealed):
    challenge = challenged(client)
    first = post(client, sealed("run-1", challenge=challenge))
    assert first.status_code == 201
    assert post(client, sealed("run-1", challenge=challenge)).json() == first.json()
    used = post(client, sealed("run-2", challenge=challenge))
    assert (used.status_code, used.json()["type"]) == (409, "urn:fenmark:problem:nonce-used")


def change_value(value):
    def change(data):
        data["predicate"]["measurements"][0].update(value)

    return change


@pytest.mark.parametrize(
    ("rule", "arguments"),
    [
        ("nonce", {"nonce": "invented"}),
        ("latency-order", {"change": change_value({"low": 50.0, "high": 60.0})}),
        ("labels", {"change": change_value({"unit": "s"})}),
        ("time", {"finished_at": "2999-01-01T00:00:00Z"}),
    ],
)
def test_a_refused_result_is_told_its_rule_and_leaves_no_trace(client, sealed, rule, arguments):
    answer = post(client, sealed(**arguments))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["rule"] for error in answer.json()["errors"]] == [rule]
    assert client.get("/v1/results").json() == {"results": [], "next": None}
    counted = f'fenmark_refused_results_total{{rule="{rule}"}} 1'
    assert counted in client.get("/metrics").text


def test_copied_samples_are_accepted_with_a_flag_in_public(client, sealed):
    first = post(client, sealed("run-1")).json()
    copied = post(client, sealed("run-2")).json()
    assert (first["outcome"], copied["outcome"]) == ("accepted", "flagged")
    [finding] = copied["findings"]
    assert finding["rule"] == "samples"
    assert first["digest"] in finding["reason"]


def too_fast(data):
    """Interactivity that is not 1 ÷ TPOT of its case, beside a figure that stands twice."""
    [item] = data["predicate"]["measurements"]
    data["predicate"]["measurements"] += [dict(item), dict(item, metric="interactivity")]
    data["predicate"]["measurements"][-1]["unit"] = "tokens/s/user"


def test_flags_are_in_the_receipt_the_list_and_the_signed_log(client, sealed, log_key):
    plain = post(client, sealed("run-1", change=samples("1")))
    answer = post(client, sealed("run-2", change=lambda data: (samples("2")(data), too_fast(data))))
    flags = ["interactivity", "duplicate"]
    assert (plain.json()["flags"], answer.json()["flags"]) == ([], flags)
    flagged = receipt(answer)
    flagged.verify([log_key], "receipt")
    with pytest.raises(CheckError, match="does not lead"):
        replace(flagged, flags=()).verify([log_key], "receipt")
    for flag, digests in (("duplicate", [flagged.digest]), ("queueing", [])):
        listed = client.get("/v1/results", params={"flag": flag}).json()["results"]
        assert [result["digest"] for result in listed] == digests
    assert client.get("/v1/results", params={"flag": "%"}).status_code == 400
    assert client.get(answer.headers["location"]).json()["flags"] == flags
    assert post(client, sealed("run-1", change=samples("1"))).json()["flags"] == []


def test_an_archive_alone_gives_the_verdict_of_the_api(client, sealed, tmp_path, database):
    sent = [
        post(client, sealed("run-1", change=samples("1"))),
        post(client, sealed("run-2", change=samples("1"))),
        post(client, sealed("run-3", change=lambda data: (samples("3")(data), too_fast(data)))),
    ]
    publish(tmp_path / "data", tmp_path / "out", url=database)
    flags = {answer.json()["digest"]: answer.json()["flags"] for answer in sent}
    verdicts = verification.verify(tmp_path / "out")
    assert {verdict.digest: verdict.flags for verdict in verdicts} == flags
    assert [verdict.problems for verdict in verdicts] == [(), (), ()]
    assert sorted(flags.values()) == [[], ["interactivity", "duplicate"], ["samples"]]


def samples(digit):
    def change(data):
        data["subject"][0]["digest"]["sha256"] = digit * 64

    return change


def doubled(body):
    return body.replace(b'{"payload"', b'{"payload":"","payload"', 1)


def test_what_is_no_envelope_is_a_problem_of_its_kind(client, sealed):
    whole = sealed()
    spoiled = [
        (400, b""),
        (400, b"{}"),
        (400, b'{"payload": NaN}'),
        (400, b"\xff"),
        (400, b"[" * 100_000),
        (400, doubled(whole)),
        (400, whole.replace(b"vnd.in-toto", b"vnd.other")),
        (403, whole.replace(b'"sig":"', b'"sig":"AAAA')),
        (413, whole + b" " * strict_json.MAX_BYTES),
    ]
    answers = [post(client, body) for _, body in spoiled]
    for told in ([answer.status_code for answer in answers], [a.json()["status"] for a in answers]):
        assert told == [status for status, _ in spoiled]


def test_an_unregistered_key_is_turned_away_until_its_file_is_there(client, sealed, runners):
    other = CryptoSigner.generate_ed25519()
    body = sealed(by=other)
    assert post(client, body).status_code == 403
    (runners / f"{runner_id(other.public_key)}.toml").write_text(runner_toml(other.public_key))
    assert post(client, body).status_code == 201


def test_a_broken_key_file_turns_nobody_away(client, sealed, runners):
    assert post(client, sealed("run-1")).status_code == 201
    (runners / "broken.toml").write_text("no key")
    assert post(client, sealed("run-2")).status_code == 201
    other = CryptoSigner.generate_ed25519()
    (runners / f"{runner_id(other.public_key)}.toml").write_text(runner_toml(other.public_key))
    (runners / "nowhere.toml").symlink_to("gone")
    os.mkfifo(runners / "pipe.toml")
    assert post(client, sealed("run-3", by=other)).status_code == 201


def test_encoded_and_foreign_bodies_are_not_read(client, sealed):
    assert post(client, sealed(), **{"content-encoding": "gzip"}).status_code == 415
    assert post(client, sealed(), **{"content-type": "text/html"}).status_code == 415


def test_who_asks_too_often_waits(serving, standing):
    with serving(SenderLimits(per_minute=2)) as client:
        answers = [client.get("/v1/challenge") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].headers["retry-after"] == "31"


def test_results_come_in_pages_and_by_filter(client, sealed):
    for number in range(5):
        post(client, sealed(f"run-{number}"))
    seen, cursor = [], "0"
    while cursor:
        page = client.get("/v1/results", params={"limit": 2, "cursor": cursor}).json()
        seen += [row["index"] for row in page["results"]]
        cursor = page["next"]
    assert seen == [1, 2, 3, 4, 5]
    flagged = client.get("/v1/results", params={"outcome": "flagged"}).json()["results"]
    assert [row["index"] for row in flagged] == [2, 3, 4, 5]
    assert client.get("/v1/results", params={"chip": "\0"}).json()["results"] == []


def test_a_bad_parameter_is_named(client):
    for query in ("limit=0", "limit=x", "cursor=-1", "cursor=" + "9" * 40):
        answer = client.get(f"/v1/results?{query}")
        assert answer.status_code == 400, query
        assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_tiles_never_change_and_other_files_are_not_served(client, sealed):
    post(client, sealed())
    tile = client.get("/v1/tile/entries/000.p/2")
    assert tile.status_code == 200
    assert "immutable" in tile.headers["cache-control"]
    for path in ["..%2fcheckpoint", "..%2f..%2flog.pem", "0/000", "0/000.p/0", "0/0000", "9/x/000"]:
        assert client.get(f"/v1/tile/{path}").status_code == 404


def test_a_partial_tile_is_served_though_the_full_one_took_its_place(
    client, sealed, tmp_path, log_signer
):
    post(client, sealed())
    ledger = Ledger(tmp_path / "data/log")
    paths = ["/v1/tile/entries/000.p/2", "/v1/tile/0/000.p/2"]
    before = [client.get(path).content for path in paths]
    more = [b"entry %d" % number for number in range(256)]
    origin = ledger.unverified().origin
    ledger.extend(more, origin=origin, signer=log_signer, settle=False)
    partial = [tmp_path / "data/log/tile" / level / "000.p" for level in ("0", "entries")]
    for folder in partial:  # as settling would, but the store has not heard of this growth
        folder.rename(folder.with_suffix(".gone"))
    assert [client.get(path).content for path in paths] == before
    for folder in partial:
        folder.with_suffix(".gone").rename(folder)


def test_what_did_not_change_is_not_sent_again(client, sealed):
    post(client, sealed())
    for path in ["/v1/checkpoint", "/v1/results", "/v1/key", "/v1/tile/0/000.p/2"]:
        tag = client.get(path).headers["etag"]
        assert client.get(path, headers={"if-none-match": tag}).status_code == 304


def test_answers_carry_headers_of_safety_and_reading_is_open_to_pages(client, sealed):
    read, written = client.get("/v1/challenge"), post(client, sealed())
    assert read.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in written.headers
    assert written.headers["x-content-type-options"] == "nosniff"


def test_the_server_logs_address_digest_and_key_and_nothing_else_of_anybody(
    serving, sealed, signer
):
    lines = []
    with serving(lines=lines) as client:
        answer = post(client, sealed())
    line = json.loads(lines[-1])
    known = {"time", "id", "client", "method", "route", "status", "ms", "digest", "keyid"}
    assert set(line) == known
    assert line["keyid"] == signer.public_key.keyid
    assert line["client"] == "127.0.0.1"
    assert line["id"] == answer.headers["x-request-id"]


def test_a_refusal_is_logged_and_counted_by_its_name(serving):
    lines = []
    with serving(lines=lines) as client:
        post(client, b"{}")
        client.get("/v1/results/nothing")
        text = client.get("/metrics").text
    problem = json.loads(lines[0])["problem"]
    assert f'fenmark_refusals_total{{problem="{problem}"}} 1' in text
    assert 'fenmark_refusals_total{problem="not-found"} 1' in text


def test_prometheus_can_count(client, sealed):
    post(client, sealed())
    text = client.get("/metrics").text
    assert 'fenmark_submissions_total{outcome="accepted"} 1' in text
    assert "fenmark_log_entries 2" in text
    assert "fenmark_log_entries_pending 0" in text
    assert re.search(r"^fenmark_disk_free_bytes [1-9]\d+$", text, re.MULTILINE)
    assert "fenmark_published" not in text
    assert client.get("/healthz").json()["status"] == "ok"


def test_a_second_server_on_the_same_folder_is_refused(client, tmp_path):

    with (
        pytest.raises(UserError, match="open in another process"),
        open_store(tmp_path / "data", CryptoSigner.generate_ed25519()),
    ):
        pass


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_tables_of_every_earlier_version_come_up_with_their_rows(
    serving, sealed, tmp_path, database, revision
):
    with serving() as client:
        first = post(client, sealed()).json()
    config = Config()
    config.set_main_option("script_location", str(files("results") / "migrations"))
    engine = create_engine(database or f"sqlite:///{tmp_path / 'data' / 'fenmark.db'}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()
    with serving() as client:
        again = post(client, sealed())
        assert (again.status_code, again.json()) == (200, first)
        assert post(client, sealed("run-2")).status_code == 201
        assert client.get("/v1/owners").is_success


def test_the_migrations_make_the_tables_the_code_has(client, tmp_path, database):
    engine = create_engine(database or f"sqlite:///{tmp_path / 'data/fenmark.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()
