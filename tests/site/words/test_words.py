"""Two languages from one generator."""

# ruff: noqa: RUF001 - Chinese

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import leaderboard
from leaderboard.words import Words
from results.catalog.claims_data import claims
from results.reported.importing import KINDS
from suites.base.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(leaderboard.__file__).parent
PHRASE = re.compile(r"""\b(?:_|words)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+|'[^']*')""")

CJK = "[\u3400-\u9fff]"
# What is not prose: front matter's names, code, addresses, tags and anchors.
NOT_PROSE = re.compile(
    r"^( *)(```+).*?^\1\2 *$|\A---$|^\w+: (?=\S)|(?<!`)(`+)(?!`).+?(?<!`)\3(?!`)"
    r"|(?<=\])\([^)\s]+\)|</?\w[^>]*>|\{[ #][^}]*\}|\{(?:width|lang)[^}]*\}",
    re.MULTILINE | re.DOTALL,
)
# What a Chinese typesetter would mark, one rule for all pages.
SPELLING = {
    "a space between Chinese and Latin or digits": f"{CJK}[A-Za-z0-9]|[A-Za-z0-9]{CJK}",
    "full-width marks in Chinese": f"{CJK} ?[,;:?!](?=\\s|$)|[,;?!] {CJK}",
    "full-width brackets around Chinese": f"{CJK} ?\\([^()]*{CJK}[^()]*\\)",
    "no space beside a full-width mark": r"\w [，。；：！？、）”》]|[，。；：！？、（“《] \w",
    "one mark at a time": "[，。；：、]{2}",
    "signs of half width": "[／％＋＝＜＞　]",
}
# One concept, one word: what is not said -> what is.
VARIANTS = {
    **dict.fromkeys(("时延", "延时"), "延迟"),
    **dict.fromkeys(("吞吐量", "吞吐率"), "吞吐"),
    **dict.fromkeys(("Token/秒", "tokens/秒", "Tokens/秒"), "Token/s"),
    "请求/秒": "请求/s",
    **dict.fromkeys(("数据手册", "产品手册"), "规格书"),
    "价格表": "价目表",
    **dict.fromkeys(("推得", "模型推算"), "推算"),
    **dict.fromkeys(("铭牌模型", "模型估算"), "按铭牌功耗估算"),
    "测试集": "测试套件",
    **dict.fromkeys(("归档", "存档"), "档案"),
    "代码仓库": "代码库",
    **dict.fromkeys(("计算强度", "算术强度"), "运算强度"),
    "您": "你",
    "托管商": "服务商",
    "采购价": "购置价",
    **dict.fromkeys(("发布方", "发布商"), "发布者"),
    **dict.fromkeys(("张芯片", "块芯片"), "颗芯片"),
    "种芯片": "款芯片",
    "他人报告": "第三方数据",
    "性能退化": "性能回退",
    **dict.fromkeys(("屋顶线", "屋顶"), "Roofline"),
    "墙上插座": "市电侧",
    "推测解码": "投机解码",
    "交互速率": "交互性",
    "利特尔": "Little",
    "校验规则": "规则",
}


def chinese_texts() -> Iterator[tuple[str, str]]:
    """Every Chinese text that a page is made of, with where it stands, without code."""
    for path in sorted(HOME.glob("words/zh*.toml")):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        yield from ((path.name, NOT_PROSE.sub("`", text)) for text in table.values())
    for path in sorted(HOME.glob("docs_zh/*.md")):
        prose = NOT_PROSE.sub("`", path.read_text(encoding="utf-8"))
        yield from ((path.name, line) for line in prose.splitlines())
    for claim in claims().values():
        told = (claim.who_zh, claim.said_zh, claim.load_zh or "")
        yield from ((f"claims/{claim.id}.toml", text) for text in told)


def phrases() -> set[str]:
    """Every phrase the templates and the generator say."""
    sources = [*HOME.glob("templates/*.html"), *HOME.rglob("*.py")]
    matches = PHRASE.findall("\n".join(path.read_text(encoding="utf-8") for path in sources))
    literals = (re.findall(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'', match) for match in matches)
    return {"".join(part[1:-1] for part in parts) for parts in literals}


def test_every_phrase_has_a_chinese_one():
    chinese = Words.load("zh").table
    assert phrases()
    assert {phrase for phrase in phrases() if phrase not in chinese} == set()


def test_what_must_stand_beside_others_results_has_a_chinese_one():
    chinese = Words.load("zh").table
    assert {kind.footnote for kind in KINDS.values()} - chinese.keys() == set()


@pytest.mark.parametrize("rule", SPELLING)
def test_chinese_is_spelt_by_one_rule(rule: str):
    wrong = re.compile(SPELLING[rule])
    assert {(where, text) for where, text in chinese_texts() if wrong.search(text)} == set()


@pytest.mark.parametrize(
    ("rule", "wrong", "right"),
    [
        ("a space between Chinese and Latin or digits", "每Token", "每 Token"),
        ("full-width marks in Chinese", "成本, 每小时", "成本，每小时"),
        ("full-width marks in Chinese", "TTFT, 中位数", "13, 63 ms"),
        ("full-width brackets around Chinese", "功耗 (芯片)", "功耗（芯片）"),
        ("no space beside a full-width mark", "见 X 。", "见 X。"),
        ("one mark at a time", "如此。。", "如此。"),
        ("signs of half width", "小时／核", "小时/核"),
    ],
)
def test_a_rule_of_spelling_sees_what_breaks_it(rule: str, wrong: str, right: str):
    assert re.search(SPELLING[rule], wrong)
    assert not re.search(SPELLING[rule], right)


def test_a_concept_has_one_chinese_word():
    strays = {
        (where, variant, VARIANTS[variant])
        for where, text in chinese_texts()
        for variant in VARIANTS
        if variant in text
    }
    assert strays == set()


def test_every_metric_and_a_unit_of_words_has_a_chinese_one():
    chinese = Words.load("zh").table
    english = {metric.title for metric in METRICS.values()}
    english |= {metric.unit for metric in METRICS.values() if re.search(r"[a-z]{4}", metric.unit)}
    assert english - chinese.keys() == set()


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
