"""The board of a day: what its log held by then, marked as past, whatever was said later."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from leaderboard.base.workers import Workers
from leaderboard.figures import ranking
from leaderboard.output import page_list
from leaderboard.output.build import _sheet
from leaderboard.output.output_tree import built_below
from leaderboard.pages import page_shells
from leaderboard.pages.pages import Pages
from leaderboard.pages.past import past_view
from leaderboard.read import archives, reported
from leaderboard.words import Words
from results import catalog
from results.archive import archive
from results.archive.past import Moment, entry_times
from results.keys.identity import read_runner, runner_id, runner_toml
from results.proof import envelope, moderation, notice
from results.proof.keylog import time_entry
from results.proof.ledger import Ledger
from results.statement.statement_v2 import read_statement
from suites.base import user_folders
from suites.base.errors import UserError
from tests.site.conftest import BASE_URL, SIGNER, accept, small_build, statement, unchecked, visit
from tests.site.figures.test_ranking import gpu
from tests.site.test_moderation import by_index

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

REASON = "the meter was <b>wrong</b>"


def state(home: Path, day: str) -> None:
    """Let the log say what day it is."""
    Ledger(home / "log").append(
        time_entry(f"{day}T08:00:00Z"), origin=archive.log_origin(SIGNER), signer=SIGNER
    )


def say(home: Path, action: str, digest: str, day: str, **more: str) -> None:
    when = datetime.fromisoformat(f"{day}T09:00:00Z").astimezone(UTC)
    draft = moderation.draft(action, digest, when, reason=REASON, **more)
    notice.lay(home, envelope.sign(draft, SIGNER))
    archive.enter_notices(home, SIGNER)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Three results on the 20th, one more on the 24th; what is said of the first three follows."""
    home = tmp_path_factory.mktemp("past") / "results"
    (home / "log").mkdir(parents=True)
    state(home, "2026-11-20")
    accept(home, *(gpu(number=number, speed=900.0 + number) for number in (1, 2, 3)))
    disputed, withdrawn, removed = by_index(home)
    state(home, "2026-11-22")
    say(home, "disputed", disputed, "2026-11-22", evidence="https://example.org/why")
    state(home, "2026-11-24")
    accept(home, gpu(number=4, speed=904.0))
    say(home, "withdrawn", withdrawn, "2026-11-24")
    state(home, "2026-11-26")
    say(home, "removed", removed, "2026-11-26", keyid=SIGNER.public_key.keyid)
    return home


def read(home: Path, text: str) -> archives.Archive:
    with Workers() as workers:
        return archives.read([home], catalog.latest_prices(), workers, moment=Moment.read(text))


@pytest.mark.parametrize(
    ("moment", "marks"),
    [
        ("2026-11-19", None),
        ("2026-11-20", {0: "", 1: ""}),
        ("2026-11-21", {0: "", 1: ""}),
        ("2026-11-22", {0: "disputed", 1: ""}),
        ("2026-11-25", {0: "disputed", 1: "withdrawn", 3: ""}),
        ("2026-11-26", {0: "disputed", 1: "withdrawn", 3: ""}),
        ("1", None),
        ("3", {0: "", 1: ""}),
        ("6", {0: "disputed", 1: ""}),
    ],
)
def test_what_came_later_does_not_act(home, moment, marks):
    results = by_index(home)
    table = read(home, moment).rows.drop_duplicates("digest")
    told = table.set_index("digest")["moderated"].to_dict()
    assert told == {results[at]: mark for at, mark in (marks or {}).items()}


def test_a_figure_ranks_that_was_withdrawn_later_and_not_after(home):
    _, withdrawn, *_ = by_index(home)
    for day, ranks in (("2026-11-22", True), ("2026-11-24", False)):
        table = ranking.ranked(read(home, day).rows)
        assert set(table[table["digest"] == withdrawn]["ranks"]) >= {ranks}
        assert (True in set(table[table["digest"] == withdrawn]["ranks"])) is ranks


def test_what_was_removed_later_is_said_and_not_shown_though_a_copy_is_there(home, tmp_path):
    removed = by_index(home)[2]
    for copied in (False, True):
        place = shutil.copytree(home, tmp_path / f"copy{copied}")
        if copied:
            sealed = envelope.sign(
                envelope.encode(read_statement(gpu(number=3, speed=903.0))), SIGNER
            )
            assert envelope.digest(sealed) == removed
            (place / f"{removed}.dsse.json").write_bytes(sealed)
        then = read(place, "2026-11-24")
        assert then.refused == ()
        assert removed not in then.sources
        assert removed not in then.moderated
        assert then.removed_later[removed].time == "2026-11-26T08:00:00Z"
    assert read(home, "2026-11-26").removed_later == {}
    assert read(home, "2026-11-26").moderated[removed].state.removed
    assert read(home, "2026-11-19").removed_later == {}


def test_a_view_does_not_spoil_the_next_build_of_today(home):
    first = read(home, "2026-11-20")
    with Workers() as workers:
        now = archives.read([home], catalog.latest_prices(), workers)
    assert len(first.sources) == 2
    assert len(now.sources) == 3


def test_where_a_log_states_no_time_the_signers_clocks_say(tmp_path):
    home = accept(
        tmp_path / "local",
        statement(number=1, date="2026-11-18"),
        statement(number=2, date="2026-11-21"),
        statement(number=3, date="2026-11-19"),  # came after the second, whatever it says
    )
    results = by_index(home)
    for day, count in (("2026-11-17", 0), ("2026-11-20", 1), ("2026-11-21", 3)):
        then = read(home, day)
        assert set(then.sources) == set(results[:count])
        assert [log.stated for log in then.log_days] == [False]


def test_a_key_that_was_revoked_later_signed_well_then(tmp_path):
    home = accept(tmp_path / "revoked", statement(number=1, date="2026-11-18"))
    key = home / "runners" / f"{runner_id(SIGNER.public_key)}.toml"
    assert key.read_text() == runner_toml(SIGNER.public_key)
    when = datetime(2026, 11, 22, tzinfo=UTC)
    draft = notice.draft("revoked", read_runner(key.read_text(), str(key)), when, reason="stolen")
    state(home, "2026-11-20")
    notice.lay(home, envelope.sign(draft, SIGNER))
    archive.enter_notices(home, SIGNER)
    key.write_text(key.read_text() + 'revoked_reason = "stolen"\n')
    now = archive.surroundings(home)
    then = archive.as_of(home, now, Moment.read("1"))
    keyid = SIGNER.public_key.keyid
    assert (now.keys.good(keyid), then.keys.good(keyid)) == (False, True)
    reasons = [
        {runner.revoked_reason for runner in around.runners if runner.key.keyid == keyid}
        for around in (now, then)
    ]
    assert reasons == [{"stolen"}, {None}]


@pytest.mark.parametrize(
    "text", ["2026-13-01", "2026-W48-6", "20261128x", "", "0", "-1", "2026-11"]
)
def test_what_is_no_day_and_no_number_is_refused(text):
    with pytest.raises(UserError, match="is not a day"):
        Moment.read(text)


def test_a_day_to_come_and_a_log_that_never_was_so_long_are_refused(home, tmp_path, fenmark):
    with pytest.raises(UserError, match="has not begun"):
        Moment.read("2999-01-01")
    with pytest.raises(UserError, match="holds 11 entries"):
        read(home, "99")
    done = fenmark(
        "site", "--results", home, "--results", tmp_path, "--out", tmp_path / "o", "--as-of", "3"
    )
    assert (done.returncode, "counts the entries of one log" in done.stderr) == (2, True)
    assert not (tmp_path / "o").exists()


def test_what_no_log_dates_is_left_out(tmp_path):
    home = unchecked(tmp_path / "bare", statement(number=1))
    shutil.rmtree(home / "log")
    then = read(home, "2026-11-28")
    assert not then.sources
    assert [why for _, why in then.left_out] == ["no log says when it was entered"]


def test_costs_are_at_the_prices_of_the_day():
    sheets = {day: _sheet(None, Moment.read(day)) for day in ("2020-01-01", "2026-11-20")}
    assert sheets["2020-01-01"] is None
    assert sheets["2026-11-20"].id == "2026-11"
    assert _sheet(None, Moment.read("7")) == _sheet(None, None) == catalog.latest_prices()


def test_times_of_entries():
    # No entry came before one that stands before it; the log's word limits what signers say.
    assert entry_times(4, [], {0: "b", 2: "a", 3: "c"}) == ["b", "b", "b", "c"]
    assert entry_times(6, [(2, "c"), (4, "e")], {0: "a", 1: "z"}) == ["a", "c", "c", "c", "e", "e"]
    assert entry_times(2, [], {}) == ["", ""]


@pytest.fixture(scope="module")
def view(tmp_path_factory, home) -> Path:
    """The board of a day as a site."""
    out = tmp_path_factory.mktemp("past-site") / "as-of/2026-11-24"
    small_build([home], out, moment=Moment.read("2026-11-24"))
    return out


def page_of_days(home: Path, moment: str | None, lang: str, built: Collection[str]) -> str:
    """Make the page that lists days, and no other."""
    with Workers() as workers:
        at = Moment.read(moment) if moment else None
        held = archives.read([home], catalog.latest_prices(), workers, moment=at)
    content = page_list.Content(held, reported.read([], None), catalog.latest_prices(), BASE_URL)
    content.past_views = frozenset(built)
    words = Words.load(lang)
    [page] = [page for page in page_list.pages(words, content) if page.template == "as_of"]
    return Pages(words, page_shells.render(lang, BASE_URL, user_folders.cache())).make(page)


def test_a_view_at_its_place_leads_to_the_board_of_today(home):
    view = read(home, "2026-11-24")
    for lang, today in (("en", f"{BASE_URL}/"), ("zh", f"{BASE_URL}/zh/")):
        told = past_view(Words.load(lang), view, f"{BASE_URL}/as-of/2026-11-24/")
        assert f'href="{today}"' in told.today
        assert not past_view(Words.load(lang), view, f"{BASE_URL}/elsewhere/").today
        assert not past_view(Words.load(lang), view, "").today


def test_every_page_of_a_view_says_what_it_is(view):
    for path in view.rglob("*.html"):
        text, zh = path.read_text(), path.is_relative_to(view / "zh")
        assert '<meta name="robots" content="noindex">' in text, path
        assert text.count('<aside class="fm-past"') == 1, path
        says = "2026-11-24 结束时的榜单" if zh else "the board at the end of 2026-11-24, with 9 log"
        assert says in text, path
        leads = '/as-of/">' in text or 'href="as-of/">' in text
        assert leads != (path.name == "404.html"), path
    assert not (view / "sitemap.xml").exists()
    assert "Past view: 2026-11-24" in (view / "llms.txt").read_text()
    for tree in ("", "zh"):
        feed = json.loads((view / tree / "feed.json").read_text())["items"]
        assert max(item["date_published"][:10] for item in feed) <= "2026-11-24"


@pytest.mark.parametrize(
    ("lang", "says", "came", "leads"),
    [
        ("en", "removed later (2026-11-26), envelope no longer kept", "new results: 3", "../as-of"),
        ("zh", "信封不再保存", "新增 3 个结果", "../../as-of"),
    ],
)
def test_the_page_of_days_lists_them_with_size_and_command(home, lang, says, came, leads):
    now = page_of_days(home, None, lang, ["2026-11-24"])
    for day, size in (("20", 4), ("22", 6), ("24", 9), ("26", 11)):
        assert f"--as-of 2026-11-{day} --out as-of/2026-11-{day}" in now
        assert f">{size}</td>" in now
        assert (f'<a href="{leads}/2026-11-{day}/' in now) is (day == "24")
    assert came in now
    assert "the meter was &lt;b&gt;wrong&lt;/b&gt;" in now
    assert says not in now
    assert "fm-past" not in now
    then = page_of_days(home, "2026-11-24", lang, [])
    assert says in then
    assert by_index(home)[2][:16] in then
    assert "2026-11-26 --out" not in then


def test_a_site_knows_the_views_that_stand_below_it(view, tmp_path):
    (view.parent / "no-site").mkdir(exist_ok=True)
    assert built_below(view.parent) == {"2026-11-24"}
    assert built_below(tmp_path / "nowhere") == frozenset()


@pytest.mark.browser
def test_a_view_tells_a_reader_and_the_verify_page_what_was_so_then(tab, serve, view, home):
    disputed, withdrawn, *_ = by_index(home)
    base = serve(view)
    axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    for width, page in ((1000, "as-of/"), (360, "zh/as-of/")):
        tab.set_viewport_size({"width": width, "height": 740})
        assert visit(tab, base, page) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.evaluate(axe)
        report = tab.evaluate("axe.run({resultTypes: ['violations']})")
        assert [
            (violation["id"], violation["nodes"][0]["html"]) for violation in report["violations"]
        ] == []
    tab.goto(base)
    tab.get_by_role("link", name="Removed later: 1 of its results.").click()
    expect(tab.locator("#removed")).to_be_visible()
    for digest, action in ((disputed, "disputed"), (withdrawn, "withdrawn")):
        tab.goto(f"{base}verify/?statement={digest}")
        expect(tab.locator(".verdict")).to_contain_text("Verified")
        expect(tab.locator(".notices")).to_contain_text(f"{action} (")
