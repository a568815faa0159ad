"""What notices in a log do to its keys: who may say what, and from which entry on it holds."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from securesystemslib.signer import CryptoSigner

from results.keys.identity import endorse, read_runner, runner_id, runner_toml
from results.proof import envelope, notice
from results.proof.keylog import EntrySpan, KeyLog, time_entry
from suites.base.errors import UserError

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LAB, NEW, ADMIN, OTHER = (CryptoSigner.generate_ed25519() for _ in range(4))
KEY = LAB.public_key.keyid


def signed_notice(action, about, *by, owner="Lab", replaces="", **more):
    """A notice about a key, signed by each of the others."""
    names = {"replaces": replaces} if replaces else {}
    text = runner_toml(about.public_key, owner=owner, **names)
    more = {"key_file": text} if action == "registered" else {"reason": "why", **more}
    first, *rest = by
    data = envelope.sign(notice.draft(action, read_runner(text, "a key"), NOW, **more), first)
    for signer in rest:
        data = notice.countersign(data, signer, "a notice")
    return data


def of(*notices, first=10, known=()):
    """The key log of a log that holds these, from an entry on."""
    by_digest = {envelope.digest(data): data for data in notices}
    records = [
        (first + at, {"type": "notice", "notice": digest}) for at, digest in enumerate(by_digest)
    ]
    return KeyLog.of(records, by_digest.__getitem__, known=known, authority=[ADMIN.public_key])


def whys(*notices, **more):
    return [why for _, why in of(*notices, **more).refused]


REGISTERED = signed_notice("registered", LAB, LAB, ADMIN)


def test_a_registration_by_the_key_and_an_administrator_counts():
    keys = of(REGISTERED)
    assert keys.refused == []
    index, runner = keys.registered[KEY]
    assert (index, runner.owner, runner.registered_by) == (10, "Lab", "log")
    assert keys.notices == {envelope.digest(REGISTERED)}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (signed_notice("registered", LAB, ADMIN), "is not signed by the key it registers"),
        (signed_notice("registered", LAB, LAB), "is signed by no administrator of this log"),
        (signed_notice("registered", LAB, LAB, ADMIN, owner=" "), "names no owner"),
    ],
    ids=["its key", "an administrator", "an owner"],
)
def test_a_registration_that_lacks_something_is_refused(data, why):
    keys = of(data)
    assert keys.refused == [(envelope.digest(data), why)]
    assert keys.registered == {}


def test_a_key_is_registered_once():
    again = signed_notice("registered", LAB, LAB, ADMIN, owner="Lab again")
    assert whys(REGISTERED, again) == ["registers a key that is registered already"]


def test_a_replacement_ends_the_key_that_signed_it():
    old = runner_id(LAB.public_key)
    handed = signed_notice("registered", NEW, NEW, ADMIN, LAB, replaces=old)
    keys = of(REGISTERED, handed)
    assert keys.refused == []
    assert (keys.good(KEY, 10), keys.good(KEY, 11), keys.good(KEY)) == (True, False, False)
    assert keys.good(NEW.public_key.keyid)
    alone = signed_notice("registered", NEW, NEW, ADMIN, replaces=old)
    assert whys(REGISTERED, alone) == [f"replaces {old}, whose key has not signed that"]
    assert whys(alone) == [f"replaces {old}, whose key is not known here"]


def test_a_notice_that_is_not_what_the_log_holds_counts_for_nothing():
    records = [(3, {"type": "notice", "notice": "a" * 64})]
    keys = KeyLog.of(records, lambda _: REGISTERED, authority=[ADMIN.public_key])
    assert keys.refused == [("a" * 64, "is not what the log holds")]


def test_a_notice_that_cannot_be_had_is_refused_with_the_reason():
    def fetch(digest):
        raise UserError("cannot be read", where=digest)

    digest = envelope.digest(REGISTERED)
    keys = KeyLog.of([(3, {"type": "notice", "notice": digest})], fetch)
    assert keys.refused == [(digest, f"{digest}: cannot be read")]


def test_a_second_key_under_the_name_of_a_known_one_is_refused():
    """Names are 48 bits of a key's id: two keys of one name can be made on purpose."""
    name = runner_id(LAB.public_key)
    namesake = replace(read_runner(runner_toml(OTHER.public_key), "a key"), id=name)
    assert whys(REGISTERED, known=[namesake]) == [f"registers a second key as {name}"]


def test_a_key_files_endorsement_makes_an_heir_and_its_word_alone_none():
    old, key = LAB.public_key, NEW.public_key
    names = {"replaces": runner_id(old)}
    signed = {"endorsement": endorse(LAB, key)}
    first, heir, claims = (
        read_runner(text, "a key")
        for text in (
            runner_toml(old),
            runner_toml(key, **names, **signed),
            runner_toml(key, **names),
        )
    )
    assert KeyLog(known=[first, heir]).heirs(KEY, 5) == {KEY, key.keyid}
    assert KeyLog(known=[first, claims]).heirs(KEY, 5) == {KEY}


def test_an_owner_revokes_their_own_key_from_here_on():
    keys = of(REGISTERED, signed_notice("revoked", LAB, LAB))
    assert keys.distrusted == {KEY: [EntrySpan(11)]}
    assert (keys.good(KEY, 10), keys.good(KEY, 11)) == (True, False)
    assert keys.ended == {KEY: 11}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (
            signed_notice("revoked", LAB, OTHER),
            "is signed neither by its key, its recovery key nor an administrator of this log",
        ),
        (signed_notice("revoked", LAB, LAB, since=3), "reaches back, which takes an administrator"),
        (
            signed_notice("revoked", LAB, ADMIN, since=12),
            "distrusts from entry 12, which is not there yet",
        ),
        (signed_notice("reinstated", LAB, ADMIN), "reinstates a key that is not revoked"),
    ],
    ids=["by another", "back by its owner", "too early", "not revoked"],
)
def test_what_may_not_be_taken_back_is_refused(data, why):
    assert whys(REGISTERED, data) == [why]


def test_an_administrator_may_reach_back_to_any_entry_there_is():
    assert of(REGISTERED, signed_notice("revoked", LAB, ADMIN, since=3)).distrusted == {
        KEY: [EntrySpan(3)]
    }
    assert of(REGISTERED, signed_notice("revoked", LAB, ADMIN, since=11)).refused == []


REVOKED = signed_notice("revoked", LAB, LAB)


@pytest.mark.parametrize(
    ("since", "spans"), [(None, [EntrySpan(11, 12)]), (11, []), (5, []), (12, [EntrySpan(11, 12)])]
)
def test_a_reinstated_key_is_good_again_from_an_entry_on(since, spans):
    keys = of(REGISTERED, REVOKED, signed_notice("reinstated", LAB, ADMIN, since=since))
    assert keys.refused == []
    assert keys.distrusted == {KEY: spans}
    assert keys.good(KEY)
    assert keys.ended == {}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (signed_notice("reinstated", LAB, LAB), "is signed by no administrator of this log"),
        (
            signed_notice("reinstated", LAB, ADMIN, since=13),
            "trusts from entry 13, which is not there yet",
        ),
    ],
    ids=["by its owner", "too early"],
)
def test_a_reinstatement_takes_an_administrator_and_an_entry_there_is(data, why):
    assert whys(REGISTERED, REVOKED, data) == [why]


def test_a_key_revoked_twice_is_distrusted_from_the_earlier_entry():
    early, late = (signed_notice("revoked", LAB, ADMIN, since=since) for since in (4, 9))
    assert of(REGISTERED, early, late).distrusted == {KEY: [EntrySpan(4)]}
    assert of(REGISTERED, late, early).distrusted == {KEY: [EntrySpan(4)]}


def test_an_offer_is_taken_or_told_why_not_and_leaves_no_trace():
    keys = of(REGISTERED)
    refused = signed_notice("revoked", LAB, OTHER)
    assert keys.offer(refused, 11).startswith("is signed neither by its key")
    assert (keys.refused, keys.notices) == ([], {envelope.digest(REGISTERED)})
    assert keys.offer(REVOKED, 11) == ""
    assert keys.distrusted == {KEY: [EntrySpan(11)]}
    assert envelope.digest(REVOKED) in keys.notices


def test_the_operators_own_records_count_as_they_stand():
    records = [
        (0, {"type": "key", "action": "added", "keyid": "a", "time": "2026-11-24T00:00:00Z"}),
        (1, {"type": "key", "action": "revoked", "keyid": "a"}),
        (2, {"type": "key", "action": "rotated", "keyid": "b"}),
        (3, {"type": "time", "time": "2026-11-25T00:00:00Z"}),
        (4, {"type": "time", "time": "2026-11-24T12:00:00Z"}),  # goes back
        (5, {"type": "time", "time": "today"}),
        (6, {"type": "notice", "notice": "no digest"}),
        (7, {"type": "something"}),
    ]
    keys = KeyLog.of(records, lambda _: REGISTERED)
    assert keys.added == {"a"}
    assert keys.ended == {"a": 1, "b": 2}
    assert keys.times == [(0, "2026-11-24T00:00:00Z"), (3, "2026-11-25T00:00:00Z")]
    assert [keys.time_of(index) for index in (0, 2, 3, 9)] == [
        "2026-11-24T00:00:00Z",
        "2026-11-24T00:00:00Z",
        "2026-11-25T00:00:00Z",
        "2026-11-25T00:00:00Z",
    ]
    assert KeyLog().time_of(5) is None
    assert keys.notices == set()
    assert time_entry("2026-11-25T00:00:00Z") == b'{"time":"2026-11-25T00:00:00Z","type":"time"}'
