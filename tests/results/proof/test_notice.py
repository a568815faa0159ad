"""A notice about a key: written, read back, countersigned; what is none is refused by its field."""

from datetime import UTC, datetime

import pytest
from securesystemslib.signer import CryptoSigner

from results.keys.identity import read_runner, runner_id, runner_toml
from results.proof import envelope, notice
from results.statement import strict_json
from suites.base.errors import CheckError, UserError

NOW = datetime(2026, 11, 24, 15, 4, 5, tzinfo=UTC)
LAB, ADMIN = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()
KEY_FILE = runner_toml(LAB.public_key, owner="Lab")
RUNNER = read_runner(KEY_FILE, "a key file")


def signed(action, *by, **more):
    payload = notice.draft(action, RUNNER, NOW, **more)
    first, *rest = by or (LAB,)
    data = envelope.sign(payload, first)
    for signer in rest:
        data = notice.countersign(data, signer, "a notice")
    return data


def drafted(action, **more):
    return strict_json.loads(notice.draft(action, RUNNER, NOW, **more), "a notice")


def test_a_registration_says_whose_key_it_is_and_holds_its_file():
    assert drafted("registered", key_file=KEY_FILE) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": RUNNER.id, "digest": {"sha256": RUNNER.key.keyid}}],
        "predicateType": "urn:fenmark:notice:v1",
        "predicate": {
            "schema_version": 1,
            "action": "registered",
            "at": "2026-11-24T15:04:05Z",
            "reason": "",
            "key_file": KEY_FILE,
        },
    }


@pytest.mark.parametrize(
    ("action", "since", "more"),
    [
        ("revoked", 7, {"distrust_from": 7}),
        ("revoked", None, {}),
        ("reinstated", 9, {"trust_from": 9}),
        ("reinstated", 0, {"trust_from": 0}),
    ],
)
def test_a_notice_names_the_entry_from_which_it_holds(action, since, more):
    predicate = drafted(action, reason="lost", since=since)["predicate"]
    assert predicate == {
        "schema_version": 1,
        "action": action,
        "at": "2026-11-24T15:04:05Z",
        "reason": "lost",
        **more,
    }
    read = notice.read(signed(action, reason="lost", since=since), "a notice")
    assert (read.action, read.reason, read.since, read.runner) == (action, "lost", since, None)


def test_a_notice_is_read_back():
    data = signed("registered", LAB, ADMIN, key_file=KEY_FILE)
    read = notice.read(data, "a notice")
    assert (read.digest, read.data) == (envelope.digest(data), data)
    assert (read.keyid, read.since) == (RUNNER.key.keyid, None)
    assert (read.runner.id, read.runner.owner) == (runner_id(LAB.public_key), "Lab")
    assert notice.notice_entry(read.digest) == (
        b'{"notice":"' + read.digest.encode() + b'","type":"notice"}'
    )


def test_it_is_signed_by_those_who_signed_and_no_other():
    read = notice.read(signed("revoked", LAB, reason="lost"), "a notice")
    assert read.signed_by([LAB.public_key])
    assert read.signed_by([ADMIN.public_key, LAB.public_key])
    assert not read.signed_by([ADMIN.public_key])
    assert not read.signed_by([])


def test_a_second_signature_is_added_once_and_leaves_the_first():
    alone = signed("revoked", LAB, reason="lost")
    both = notice.countersign(alone, ADMIN, "a notice")
    assert both.endswith(b"\n")
    read = strict_json.loads(both, "a notice")
    assert [signature["keyid"] for signature in read["signatures"]] == [
        LAB.public_key.keyid,
        ADMIN.public_key.keyid,
    ]
    assert read["payload"] == strict_json.loads(alone, "a notice")["payload"]
    assert notice.read(both, "a notice").signed_by([ADMIN.public_key])
    assert notice.countersign(both, ADMIN, "a notice") == both


@pytest.mark.parametrize(
    ("action", "more", "why"),
    [
        ("registered", {}, "a registration needs a key_file"),
        ("revoked", {"reason": " "}, "revoked needs a reason"),
        ("reinstated", {}, "reinstated needs a reason"),
    ],
)
def test_words_that_do_not_fit_the_action_are_refused(action, more, why):
    with pytest.raises(UserError, match=why) as caught:
        notice.draft(action, RUNNER, NOW, **more)
    assert str(caught.value).startswith("the notice:predicate: ")
    assert "expected a notice" in str(caught.value)


def changed(action, change, **more):
    statement = drafted(action, **more)
    change(statement)
    return envelope.sign(strict_json.canonical(statement), LAB)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda draft: draft["predicate"].update(distrust_from=-1), "predicate.distrust_from"),
        (lambda draft: draft["predicate"].update(trust_from=1), "predicate"),
        (lambda draft: draft.update(predicateType="urn:x"), "predicateType"),
        (lambda draft: draft.update(subject=[]), "subject"),
        (lambda draft: draft["predicate"].update(html="<b>"), "predicate.html"),
    ],
)
def test_what_is_no_notice_is_refused_by_its_field(change, field):
    with pytest.raises(UserError) as caught:
        notice.read(changed("revoked", change, reason="lost"), "there")
    assert str(caught.value).startswith(f"there:{field}: ")


def test_a_registration_of_another_key_than_it_names_is_refused():
    def swapped(statement):
        statement["predicate"]["key_file"] = runner_toml(ADMIN.public_key, owner="Lab")

    with pytest.raises(CheckError, match="there: registers another key than it names"):
        notice.read(changed("registered", swapped, key_file=KEY_FILE), "there")


def test_notices_lie_beside_the_log_by_their_digest(tmp_path):
    data = [signed("revoked", reason=reason) for reason in ("lost", "stolen")]
    (tmp_path / "notices").mkdir()
    for sealed in data:
        place = notice.place(tmp_path, envelope.digest(sealed))
        assert place.name == f"{envelope.digest(sealed)}.dsse.json"
        place.write_bytes(sealed)
    assert notice.files(tmp_path) == {envelope.digest(sealed): sealed for sealed in data}
    assert notice.paths(tmp_path) == sorted((tmp_path / "notices").iterdir())
    assert notice.files(tmp_path / "elsewhere") == {}
    (tmp_path / "notices" / "odd.dsse.json").mkdir()
    with pytest.raises(UserError, match=r"odd.dsse.json: cannot be read"):
        notice.files(tmp_path)


def test_what_is_no_envelope_is_no_notice_about_a_key():
    about_another = envelope.sign(strict_json.canonical({"predicateType": "other"}), LAB)
    assert notice.is_about_key(signed("revoked", reason="lost"))
    assert not any(map(notice.is_about_key, (b"", b"{}", about_another)))


def test_a_notice_is_laid_only_beside_a_log(tmp_path):
    data = signed("revoked", reason="lost")
    with pytest.raises(UserError) as caught:
        notice.lay(tmp_path, data)
    assert str(caught.value) == (
        f"{tmp_path}: holds no log; expected a server's data folder or an archive"
    )
    (tmp_path / "log").mkdir()
    assert notice.lay(tmp_path, data).read_bytes() == data
