"""The verify page: right files pass, every kind of damage is refused, in the browser itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from playwright.sync_api import expect
from securesystemslib.signer import CryptoSigner

from results.archive import archive
from results.proof import envelope
from results.proof.ledger import Ledger
from results.proof.receipt import result_entry
from results.statement import strict_json
from results.statement.statement import Statement
from tests.site.conftest import JUDGE_AGAIN, SIGNER, accept, statement, unchecked

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def long_log(tmp_path_factory):
    """An archive whose log has full and partial tiles on two levels."""
    folder = tmp_path_factory.mktemp("long")
    document = statement(number=1)
    document["predicate"]["measurements"] = document["predicate"]["measurements"][:1]
    numbered = []
    for number in range(1, 260):
        run = {**document["predicate"]["run"], "id": f"{number:08d}-0000-4000-8000-000000000000"}
        numbered.append({**document, "predicate": {**document["predicate"], "run": run}})
    return unchecked(folder, *numbered)


@pytest.fixture(scope="module")
def long_site(tmp_path_factory, long_log, quick_build) -> Path:
    out = tmp_path_factory.mktemp("long-site") / "out"
    quick_build([long_log], out)
    return out


def places(site: Path) -> dict[int, str]:
    """Digest of each entry by its position in the log."""
    indexes = {}
    for shard in (site / "data" / "proofs").glob("??.json"):
        indexes |= {index: digest for digest, (_, index) in json.loads(shard.read_bytes()).items()}
    return indexes


def verdict(page: Page, base: str, digest: str) -> str:
    page.goto(f"{base}verify/?statement={digest}")
    expect(page.locator(".verdict")).not_to_be_empty()
    return page.locator(".verdict").inner_text()


def verdict_again(page: Page, digest: str) -> str:
    """Have the page that is open judge another result."""
    given = f"async ([statement, once]) => (await ({JUDGE_AGAIN})(statement, once)).innerText"
    return str(page.evaluate(given, [digest, uuid4().hex]))


def test_entries_in_full_and_partial_tiles_verify(tab, serve, long_site):
    entries = places(long_site)
    assert "Verified" in verdict(tab, serve(long_site), entries[0])
    for index in (255, 256, 258):
        assert "Verified" in verdict_again(tab, entries[index]), index


# What only a site has: an archive's own files are changed in `tests/results/vectors.py`. The file
# of a result, and what is served in its place.
DAMAGE = {
    "key list": ("data/proofs/keys.json", lambda keys, _: [{**keys[0], "public": "ab" * 32}]),
    "tier": ("data/proofs/keys.json", lambda keys, _: [{**keys[0], "tier": "registered"}]),
    "laws": ("data/proofs/laws.json", lambda *_: {"laws": []}),
    "schema": ("schema/statement-v1.json", lambda *_: {}),
    "index": (
        "data/proofs/{shard}.json",
        lambda places, digest: {digest: [places[digest][0], places[digest][1] + 1]},
    ),
    "folder": (
        "data/proofs/{shard}.json",
        lambda places, digest: {digest: ["../statements", places[digest][1]]},
    ),
    "place": ("data/proofs/{shard}.json", lambda *_: {}),
    "statement": ("statements/{digest}.dsse.json", None),
}


@pytest.mark.parametrize("part", DAMAGE)
def test_any_damage_to_the_sites_own_files_is_refused(tab, serve, long_site, part):
    digest = places(long_site)[7]
    path, change = DAMAGE[part]
    path = path.format(digest=digest, shard=digest[:2])
    whole = (long_site / path).read_bytes()

    def answer(route):
        asked.append(route.request.url)
        if change:
            route.fulfill(json=change(json.loads(whole), digest))
        else:
            route.fulfill(status=404)

    asked: list[str] = []
    tab.route(f"**/{path}", answer)
    assert "Not verified" in verdict(tab, serve(long_site), digest)
    assert asked


def test_an_entry_that_names_flags_verifies_and_hiding_them_does_not(
    tab, serve, quick_build, tmp_path
):
    home = accept(tmp_path / "results", statement(number=1))
    sealed = envelope.sign(
        envelope.encode(Statement.model_validate(statement(number=2, speed=25.0))), SIGNER
    )
    digest = envelope.digest(sealed)
    (home / f"{digest}{archive.SUFFIX}").write_bytes(sealed)
    entry = result_entry(digest, ["queueing", "roofline"])
    Ledger(home / "log").extend([entry], origin=archive.log_origin(SIGNER), signer=SIGNER)
    site = tmp_path / "site"
    quick_build([home], site)
    assert "Verified" in verdict(tab, serve(site), digest)
    shard = site / "data" / "proofs" / f"{digest[:2]}.json"
    place = json.loads(shard.read_bytes())[digest]
    assert place[2] == ["queueing", "roofline"]
    shard.write_text(json.dumps({digest: place[:2]}))
    assert "Not verified" in verdict(tab, serve(site), digest)


def test_the_page_names_the_logs_it_was_made_with(long_log, long_site):
    note = (long_log / "log" / "checkpoint").read_text()
    page = (long_site / "verify" / "index.html").read_text(encoding="utf-8")
    origin, size = note.split("\n")[:2]
    assert f"{origin} · Ed25519 {SIGNER.public_key.keyval['public']} · {size} entries" in page


def test_a_dropped_file_is_verified_without_its_name(tab, serve, long_site):
    digest = places(long_site)[3]
    tab.goto(f"{serve(long_site)}verify/")
    tab.set_input_files("input[type=file]", long_site / "statements" / f"{digest}.dsse.json")
    expect(tab.locator(".verdict")).to_contain_text("Verified")
    expect(tab.locator(".contents tbody tr")).to_have_count(1)


def test_a_file_that_is_no_envelope_is_refused_in_words(tab, serve, long_site, tmp_path):
    rubbish = tmp_path / "rubbish.json"
    rubbish.write_text('{"payload": "<script>"}')
    tab.goto(f"{serve(long_site)}verify/")
    tab.set_input_files("input[type=file]", rubbish)
    expect(tab.locator(".verdict")).to_contain_text("Not verified")


@pytest.fixture(scope="module")
def keyed(tmp_path_factory, quick_build):
    """A log of two results, by an Ed25519 and an ECDSA key; the first key is revoked after them."""
    folder = tmp_path_factory.mktemp("keyed")
    stated = Statement.model_validate(statement(number=1))
    other = Statement.model_validate(statement(number=2))
    archive.accept(folder, envelope.encode(stated), SIGNER)
    archive.accept(folder, envelope.encode(other), CryptoSigner.generate_ecdsa(), log_signer=SIGNER)
    revoked = {"type": "key", "action": "revoked", "keyid": SIGNER.public_key.keyid, "reason": "x"}
    Ledger(folder / "log").extend(
        [strict_json.canonical(revoked)], origin=archive.log_origin(SIGNER), signer=SIGNER
    )
    out = tmp_path_factory.mktemp("keyed-site") / "out"
    quick_build([folder], out)
    return out


@pytest.mark.parametrize("index", [0, 1])
def test_a_key_of_either_kind_verifies_what_it_signed_before_it_was_revoked(
    tab, serve, keyed, index
):
    assert "Verified" in verdict(tab, serve(keyed), places(keyed)[index])
    known = json.loads((keyed / "data" / "proofs" / "keys.json").read_bytes())
    assert sorted(key["keytype"] for key in known) == ["ecdsa", "ed25519"]
