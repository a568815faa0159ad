"""Each owner has a page with their runners, in both languages; only what somebody registered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from leaderboard.base.text import slug
from results.archive import archive
from results.catalog import logs_data
from results.keys.identity import read_runner, runner_id, runner_toml
from results.proof import envelope, notice
from tests.site.conftest import SIGNER, accept
from tests.site.figures.test_ranking import gpu

if TYPE_CHECKING:
    from pathlib import Path

OWNER = "Example <b>Lab</b>"
NEW = CryptoSigner.generate_ed25519()


def register(home: Path, *signers: CryptoSigner, **more: str) -> None:
    """Have the log of an archive register a key, countersigned by all of them."""
    own = signers[0].public_key
    text = runner_toml(own, owner=OWNER, **more)
    draft = notice.draft("registered", read_runner(text, "x"), datetime.now(UTC), key_file=text)
    signed = envelope.sign(draft, signers[0])
    for signer in signers[1:]:
        signed = notice.countersign(signed, signer, "x")
    notice.lay(home, signed)
    archive.enter_notices(home, SIGNER)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """An archive whose log registers its runner, and the key that takes over from it."""
    home = accept(tmp_path_factory.mktemp("owned") / "results", gpu(number=1, speed=900.0))
    register(home, SIGNER, hardware="8 × H100\u202e")
    register(home, NEW, SIGNER, replaces=runner_id(SIGNER.public_key))
    return home


@pytest.fixture(scope="module")
def site(tmp_path_factory, home, quick_build) -> Path:
    out = tmp_path_factory.mktemp("owners-site") / "out"
    quick_build([home], out)
    return out


@pytest.mark.parametrize(
    ("tree", "ended", "claimed", "alone"),
    [
        ("", "signs no more", "Hardware, claimed", "by its own log alone"),
        ("zh/", "已停止签名", "自称硬件", "仅由其所在日志登记"),
    ],
)
def test_an_owners_page_tells_their_runners(site, tree, ended, claimed, alone):
    page = (site / tree / "owners" / slug(OWNER) / "index.html").read_text()
    assert "Example &lt;b&gt;Lab&lt;/b&gt;" in page
    assert "Example <b>Lab</b>" not in page
    for word in (ended, claimed, alone, "8 × H100", runner_id(NEW.public_key)):
        assert word in page
    assert "\u202e" not in page
    assert page.count(f">{ended}<") == 1
    [digest] = [path.name[:64] for path in archive.envelopes(site_home(site))]
    assert f"verify/?statement={digest}" in page


def site_home(site: Path) -> Path:
    """Return the statements of a site, which are an archive's envelopes."""
    return site / "statements"


def test_runners_and_runs_lead_to_their_owner(site):
    link = f'owners/{slug(OWNER)}/"'
    for page in ("runners/index.html", "chips/h100-sxm/index.html", "zh/runners/index.html"):
        assert link in (site / page).read_text(), page


def test_a_known_logs_registration_counts_for_more(home, quick_build, tmp_path, monkeypatch):
    monkeypatch.setattr(logs_data, "LOGS", tmp_path / "logs")
    (tmp_path / "logs").mkdir()
    public = SIGNER.public_key.keyval["public"]
    text = f'origin = "{archive.log_origin(SIGNER)}"\npublic_key = "{public}"\n'
    (tmp_path / "logs" / "one.toml").write_text(text)
    quick_build([home], tmp_path / "out")
    page = (tmp_path / "out" / "owners" / slug(OWNER) / "index.html").read_text()
    assert "by a log or catalogue that ships with Fenmark" in page
    assert "by its own log alone" not in page
    # The result was logged before its key was registered.
    assert (page.count(">registered<"), page.count(">self-signed<")) == (1, 1)
