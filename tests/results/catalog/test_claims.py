"""The register of claims: every file is what it says, and a broken one is named."""

from __future__ import annotations

import pytest

from results.catalog import claims_data
from results.catalog.claims_data import claims
from suites.base.errors import UserError

WHOLE = """
id = "somebody-one-fen"
who = "Somebody"
who_zh = "某厂商"
said = "A million tokens for one fen."
said_zh = "百万 Token 一分钱。"
date = "2026-07"
source = "https://example.org/news"
firsthand = true
read = "2026-11-28"
value = 0.01
unit = "CNY/Mtok"
tokens = "unstated"
unstated = ["token kind"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(claims_data, "_FOLDER", tmp_path)
    claims.cache_clear()
    yield tmp_path
    claims.cache_clear()


def test_the_register_is_read_newest_first_and_says_each_claim_in_both_languages():
    register = list(claims().values())
    dates = [claim.date for claim in register]
    assert dates == sorted(dates, reverse=True)
    assert all(claim.said != claim.said_zh for claim in register)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('id = "somebody-one-fen"', 'id = "other"', "has the id 'other'"),
        ("value = 0.01", "value = 0", "value"),
        ("value = 0.01", "value = nan", "value"),
        ('unit = "CNY/Mtok"', 'unit = "CNY"', "unit"),
        ("https://example.org/news", "javascript:alert(1)", "source"),
        ('unstated = ["token kind"]', "unstated = []", "token kind"),
        ('tokens = "unstated"', 'tokens = "output"', "token kind"),
        ("value = 0.01", 'value = 0.01\nchip = "h100-sx"', "h100-sxm"),
        ("value = 0.01", 'value = 0.01\nmodel = "deepseek"', "names the model 'deepseek'"),
        ("value = 0.01", 'value = 0.01\nload = "busy"', "load_zh"),
        (
            'unstated = ["token kind"]',
            'unstated = ["token kind", "chip"]\nchip = "h100-sxm"',
            "chip is stated",
        ),
    ],
)
def test_a_claim_that_does_not_fit_is_named(folder, old, new, named):
    (folder / "somebody-one-fen.toml").write_text(WHOLE.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=named):
        claims()


def test_a_whole_claim_is_read(folder):
    (folder / "somebody-one-fen.toml").write_text(WHOLE, encoding="utf-8")
    assert claims()["somebody-one-fen"].value == 0.01
