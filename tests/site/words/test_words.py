"""Two languages from one generator."""

from __future__ import annotations

import re
import string
from pathlib import Path

import leaderboard
from leaderboard.words import Words
from results.reported.importing import KINDS

HOME = Path(leaderboard.__file__).parent
PHRASE = re.compile(r"""\b(?:_|words)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+|'[^']*')""")


def phrases() -> set[str]:
    """Every phrase the templates and the generator say."""
    sources = [*HOME.glob("templates/*.html"), *HOME.rglob("*.py")]
    found = PHRASE.findall("\n".join(path.read_text(encoding="utf-8") for path in sources))
    literals = (re.findall(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'', match) for match in found)
    return {"".join(part[1:-1] for part in parts) for parts in literals}


def test_every_phrase_has_a_chinese_one():
    chinese = Words.load("zh").table
    assert phrases()
    assert {phrase for phrase in phrases() if phrase not in chinese} == set()


def test_what_must_stand_beside_others_results_has_a_chinese_one():
    chinese = Words.load("zh").table
    assert {kind.footnote for kind in KINDS.values()} - chinese.keys() == set()


def test_a_translation_fills_the_same_names():
    def names(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    words = Words.load("zh")
    for english, chinese in (*words.table.items(), *words.notices.items()):
        assert names(english) == names(chinese), english


def test_the_chinese_tree_says_so_and_links_to_its_english_page(site: Path):
    page = (site / "zh" / "leaderboard" / "index.html").read_text(encoding="utf-8")
    assert '<html lang="zh' in page
    assert "排行榜" in page
    assert 'hreflang="en"' in page
    assert 'class="fm-lang" href="../../leaderboard/"' in page
