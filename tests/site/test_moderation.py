"""What notices say of results stands on every page that shows them, in both languages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from securesystemslib.signer import CryptoSigner

from leaderboard.base.workers import Workers
from leaderboard.figures import ranking
from leaderboard.read import archives
from results import catalog
from results.archive import archive
from results.proof import envelope, moderation, notice
from results.proof.ledger import Ledger
from results.proof.receipt import result_entry
from tests.site.conftest import SIGNER, accept, statement, unchecked
from tests.site.figures.test_ranking import gpu

if TYPE_CHECKING:
    from pathlib import Path

ACTIONS = ("disputed", "superseded", "withdrawn", "removed")
REASON = "it was <b>not</b> so"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """An archive with a result of each state, and a newer one that nobody has spoken of."""
    results = [gpu(number=number, speed=900.0 + number) for number in range(1, 6)]
    home = accept(tmp_path_factory.mktemp("moderated") / "results", *results)
    *old, newer = by_index(home)
    more = {
        "disputed": {"evidence": "https://example.org/why"},
        "superseded": {"newer": newer},
        "removed": {"keyid": SIGNER.public_key.keyid},
    }
    for action, digest in zip(ACTIONS, old, strict=True):
        draft = moderation.draft(
            action,
            digest,
            datetime(2026, 11, 28, tzinfo=UTC),
            reason=REASON,
            **more.get(action, {}),
        )
        notice.lay(home, envelope.sign(draft, SIGNER))
    archive.enter_notices(home, SIGNER)
    return home


@pytest.fixture(scope="module")
def site(tmp_path_factory, home, quick_build) -> Path:
    out = tmp_path_factory.mktemp("moderated-site") / "out"
    quick_build([home], out)
    return out


def by_index(home: Path) -> list[str]:
    places = archive.surroundings(home).places or {}
    return sorted(places, key=lambda digest: places[digest])


def test_what_is_withdrawn_or_superseded_does_not_rank_and_what_is_disputed_does(home):
    disputed, superseded, withdrawn, removed, newer = by_index(home)
    with Workers() as workers:
        read = archives.read([home], catalog.latest_prices(), workers)
    assert read.refused == ()
    assert set(read.sources) == {disputed, superseded, withdrawn, newer}
    table = ranking.ranked(read.rows)
    assert set(table[table["ranks"]]["digest"]) == {disputed, newer}
    marks = table.drop_duplicates("digest").set_index("digest")["moderated"].to_dict()
    assert marks == {
        disputed: "disputed",
        superseded: "superseded",
        withdrawn: "withdrawn",
        newer: "",
    }
    assert read.moderated[removed].state.removed


def test_another_archives_log_moderates_none_of_these_results(home, tmp_path):
    *_, newer = by_index(home)
    stranger = CryptoSigner.generate_ed25519()
    other = unchecked(tmp_path / "other", statement(number=9), signer=stranger)
    ledger, origin = Ledger(other / "log"), archive.log_origin(stranger)
    ledger.append(result_entry(newer), origin=origin, signer=stranger)
    keyid = SIGNER.public_key.keyid
    when = datetime(2026, 11, 28, tzinfo=UTC)
    draft = moderation.draft("removed", newer, when, reason="I do not like it", keyid=keyid)
    notice.lay(other, envelope.sign(draft, stranger))
    archive.enter_notices(other, stranger)
    for folders in ([home, other], [other, home]):
        with Workers() as workers:
            read = archives.read(folders, catalog.latest_prices(), workers)
        assert read.refused == ()
        assert read.sources[newer].state.name == ""


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ("", ("disputed", "superseded", "withdrawn", "removed")),
        ("zh/", ("有异议", "已被取代", "已撤回", "已移除")),
    ],
)
def test_the_pages_tell_each_in_both_languages(site, tree, words):
    runners = (site / tree / "runners" / "index.html").read_text()
    chip = (site / tree / "chips" / "h100-sxm" / "index.html").read_text()
    for word, text in [*((word, runners) for word in words), *((word, chip) for word in words[:3])]:
        assert f">{word}</span>" in text
        assert "it was &lt;b&gt;not&lt;/b&gt; so" in text
    board = (site / tree / "leaderboard" / "index.html").read_text()
    assert f">{words[0]}</a>" in board
    told = json.loads((site / tree / "feed.json").read_text())["items"]
    titles = [item["title"] for item in told if item["tags"] == ["moderation"]]
    assert len(titles) == len(words)
    assert all(any(title.endswith(word) for title in titles) for word in words)


def test_a_removed_result_is_nowhere_but_in_its_notice(site, home):
    *_, removed, _ = by_index(home)
    assert not (site / "statements" / f"{removed}.dsse.json").exists()
    places = json.loads((site / "data" / "proofs" / f"{removed[:2]}.json").read_bytes())
    [[action, _, _, reason, _]] = places[removed][3]
    assert (action, reason) == ("removed", REASON)


@pytest.mark.browser
def test_the_browser_tells_it_and_calls_nothing_broken(tab, serve, site, home):
    base = serve(site)
    says = ["Verified", "Verified", "Verified", "Removed", "Verified"]
    for digest, word, action in zip(by_index(home), says, [*ACTIONS, ""], strict=True):
        tab.goto(f"{base}verify/?statement={digest}")
        expect(tab.locator(".verdict")).to_contain_text(word)
        if action:
            expect(tab.locator(".notices")).to_contain_text(f"{action} (")
            expect(tab.locator(".notices")).to_contain_text(REASON)
        else:
            expect(tab.locator(".notices")).to_be_empty()
        assert tab.locator("[data-step].bad").count() == 0
