"""A Chinese document says what its English one does: nothing falls behind in silence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown import markdown

import leaderboard
from leaderboard.pages.page_shells import documents, unwrapped
from leaderboard.words import documents as written
from results.catalog import page as catalogue
from results.checks import page as laws
from results.reported import page as readers
from suites.base import labels
from suites.base.errors import CheckError

HOME = Path(leaderboard.__file__).parent
# Document -> what the code writes into it, in English and in Chinese.
PARTS = {
    "chip-table": (catalogue.table, written.chips),
    "importers": (readers.tables, written.importers),
    "labels": (labels.table, written.labels),
    "methodology": (laws.table, written.laws),
}
# Documents that the code writes as a whole.
WHOLE = {
    "behaviours": written.behaviours,
    "engine-commands": written.engine_commands,
    "kernel-shapes": written.kernel_shapes,
    "publishers-faults": written.publishers_faults,
}
FRONT = re.compile(r"\A---\n.*?^---\n", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^( *)(```+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
ADDRESS = re.compile(r"\]\(([^)\s]+)\)")
ANCHOR = re.compile(r" \{#[\w-]+\}$", re.MULTILINE)
ROW = re.compile(r"^\|.*$", re.MULTILINE)
BAR = re.compile(r"(?<!\\)\|")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def text_of(lang: str, name: str) -> str:
    """A document without its front matter and what code writes, which has checks of its own."""
    text = (HOME / ("docs" if lang == "en" else f"docs_{lang}") / f"{name}.md").read_text("utf-8")
    text = FRONT.sub("", text)
    for english, chinese in PARTS.values():
        text = text.replace(english() if lang == "en" else chinese(), "")
    return text


def headings(text: str) -> list[tuple[str, str]]:
    """Level and anchor of each heading but the title: a link holds in both languages."""
    page = markdown(text, extensions=["toc", "attr_list", "pymdownx.superfences"])
    return re.findall(r'<h([2-6]) id="([^"]+)"', page)


def english_address(url: str) -> str:
    """From a Chinese page, pictures and documents without a translation lie two folders up."""
    return re.sub(r"^\.\./\.\./([\w-]+)/(?=#|$)", r"\1.md", url).removeprefix("../../")


def made_of(text: str) -> dict[str, object]:
    """What a translation keeps."""
    bare = ANCHOR.sub("", FENCED.sub("", text))
    paragraphs = [part for part in bare.split("\n\n") if part.strip()]
    return {
        "headings": headings(text),
        "code blocks": [match[0] for match in FENCED.finditer(text)],
        "columns of each row": [len(BAR.findall(row)) for row in ROW.findall(bare)],
        "quoted": {" ".join(quoted.split()) for _, quoted in QUOTED.findall(bare)},
        "links": set(map(english_address, ADDRESS.findall(bare))),
        "numbers of each paragraph": [
            sorted(NUMBER.findall(ADDRESS.sub("]", QUOTED.sub("", part)))) for part in paragraphs
        ],
    }


@pytest.mark.parametrize("name", documents("zh"))
def test_a_chinese_document_is_its_english_ones_translation(name: str):
    english, chinese = made_of(text_of("en", name)), made_of(text_of("zh", name))
    if name in WHOLE:  # its headings are addresses of the code's own
        del english["headings"]
    for what, expected in english.items():
        assert chinese[what] == expected, f"{what} of docs_zh/{name}.md differ from docs/{name}.md"


@pytest.mark.parametrize("name", documents("zh"))
def test_a_chinese_document_leads_to_chinese_ones(name: str):
    translated = documents("zh").keys()
    links = ADDRESS.findall(FENCED.sub("", text_of("zh", name)))
    beside = {url.partition(".md")[0] for url in links if re.match(r"[\w-]+\.md", url)}
    above = {match[1] for url in links if (match := re.match(r"\.\./\.\./([\w-]+)/", url))}
    assert beside - translated == set()
    assert above & translated == set()


@pytest.mark.parametrize("name", PARTS)
def test_what_code_writes_into_chinese_documents_is_as_the_code_says(name: str):
    _, chinese = PARTS[name]
    assert chinese() in (HOME / "docs_zh" / f"{name}.md").read_text("utf-8")


@pytest.mark.parametrize("name", WHOLE)
def test_a_document_that_code_writes_is_as_the_code_says_in_chinese_too(name: str):
    text = (HOME / "docs_zh" / f"{name}.md").read_text("utf-8")
    assert text == WHOLE[name](), f"run `python -m leaderboard.words.documents {name}` into it"


def test_prose_is_translated_by_paragraphs_and_keeps_its_form():
    made = written.prose("# Kernel shapes\n\nSource:\n{source}\n\n## Kernel shapes\n")
    assert made == "# 算子形状\n\n来源：{source}\n\n## 算子形状\n"  # noqa: RUF001 - Chinese
    with pytest.raises(CheckError, match=r"no Chinese of 'Nobody wrote this\.'"):
        written.prose("# Kernel shapes\n\nNobody wrote\nthis.\n")


def test_a_cell_without_chinese_is_an_error_that_names_it():
    with pytest.raises(CheckError, match="no Chinese of 'a new law'"):
        written.chinese("a new law")
    assert written.chinese("10%") == "10%"


def test_lines_of_a_chinese_paragraph_are_joined_where_a_space_would_show():
    assert unwrapped("<p>测量\n成本，\n<code>a</code>\n《见\n    下文》</p>") == (
        "<p>测量成本，<code>a</code>《见下文》</p>"
    )
    latin_and_code = "<p>用\nvLLM\n测量</p><pre>测\n量</pre>"
    assert unwrapped(latin_and_code) == latin_and_code
