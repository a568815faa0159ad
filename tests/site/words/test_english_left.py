"""No English is left on Chinese pages but names, units, code and what is marked as English."""

from __future__ import annotations

import re
from collections import defaultdict
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from leaderboard.words import Words
from results import catalog
from results.reported.importing import KINDS
from suites import models
from suites.meters.follow import TraceMeter
from suites.meters.modelled import ModelledMeter

if TYPE_CHECKING:
    from pathlib import Path

# Chips' and models' pages differ in names and notes alone: a few stand for all.
PAGES_OF_A_KIND = 6
SKIPPED = {"script", "style", "code", "pre", "svg"}
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
SPOKEN = ("title", "alt", "aria-label", "data-label", "placeholder")
# A word of three letters or more, all small, that is not part of a name, a number or an address.
WORD = re.compile(r"(?<![\w./:@{\\-])[a-z]{3,}(?![\w/:}\\]|[.-]\w)")
NAMES = sorted({models.load(name).name for name in models.available()}, key=len, reverse=True)
ALLOWED = {
    **dict.fromkeys(KINDS, "a kind of file, as `--kind` takes it"),
    **dict.fromkeys(("logit", "logits", "softmax", "sink"), "mathematics, by that name in Chinese"),
    "cuda": "a device, as PyTorch names it",
    "install": "pip's own verb",
    "uninstall": "pip's own verb",
    "perf": "a client's name: evalscope perf",
    "fenmark": "the command",
    "choose": "its verb, in a sentence that says what to type",
    "forecast": "its verb, in a heading",
    "verify": "its verb, in a sentence that says what to type",
    "root": "the account of Unix",
    "sigrok": "a project, by its own name",
    "systemd": "a program",
    "pip": "a program",
    **dict.fromkeys(("podman", "docker", "compose"), "a program"),
    "wheel": "a file that pip installs",
    "bookworm": "a release of Debian",
    "kvm": "a hypervisor",
    "nvml": "a meter by its own name",
    "nameplate": "a meter by its own name",
    "copy": "a kernel, as its case names it",
    "gemm": "a kernel, as its case names it",
    "parquet": "a file's ending",
    "aiohttp": "a client",
    "bare": "a client, as the comparison names it",
    "bench": "a client's name: vLLM bench serve",
    "httpx": "a client",
    "serve": "a client's name: vLLM bench serve",
    **dict.fromkeys(
        (
            "amdsmi",
            "cryptography",
            "lmdeploy",
            "nox",
            "pandas",
            "pyarrow",
            "pynvml",
            "pyperf",
            "torch",
            "torchaudio",
            "torchcodec",
            "torchvision",
            "transformers",
        ),
        "a package",
    ),
    **dict.fromkeys(("bash", "cpuset", "hwmon", "powercap", "taskset"), "of Linux"),
    "token": "the unit J/token",
    "tokens": "the unit tokens/s",
    "closed": "a division of MLPerf",
    "alert": "what the fixture's hostile row says",
    "script": "what the fixture's hostile row says",
}


class Spoken(HTMLParser):
    """What a reader sees or hears of a page, but what is marked as English."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        silent = (
            tag in SKIPPED
            or own.get("lang") == "en"
            or own.get("translate") == "no"
            or "mono" in (own.get("class") or "")
        )
        if not silent:
            self.texts += [own[name] or "" for name in SPOKEN if own.get(name)]
        if tag not in VOID:
            self.open.append((tag, silent))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(silent for _, silent in self.open):
            self.texts.append(" ".join(data.split()))


def english_in(html: str) -> set[tuple[str, str]]:
    """Words of English with the text they stand in."""
    page = Spoken()
    page.feed(html)
    words = set()
    for text in page.texts:
        bare = text
        for name in NAMES:
            bare = bare.replace(name, "")
        words |= {(word, text[:120]) for word in WORD.findall(bare) if word not in ALLOWED}
    return words


@pytest.fixture(scope="module")
def chinese_pages(site: Path) -> list[Path]:
    kinds = defaultdict(list)
    for path in sorted((site / "zh").rglob("index.html")):
        kinds[path.parent.parent].append(path)
    return [path for paths in kinds.values() for path in paths[:PAGES_OF_A_KIND]]


def test_no_english_is_left_on_chinese_pages(site: Path, chinese_pages: list[Path]):
    measured = site / "zh" / "chips" / "h100-sxm" / "index.html"
    every = {*chinese_pages, *(site / "zh").glob("*/index.html"), measured}
    left = {
        str(path.relative_to(site)): words
        for path in sorted(every)
        if (words := english_in(path.read_text(encoding="utf-8")))
    }
    assert left == {}


def test_an_english_sentence_is_seen_and_a_marked_one_is_not():
    assert english_in("<p>no price known</p>") == {
        ("price", "no price known"),
        ("known", "no price known"),
    }
    assert english_in('<td data-label="Cost of output"></td>')
    assert english_in('<p lang="en">no price known</p><pre>pip install</pre>') == set()
    assert english_in("<p>每芯片 3 J/token，gpt-oss-120b，llama.cpp</p>") == set()


def test_every_note_of_a_chip_has_a_chinese_one():
    words = Words.load("zh")
    notes = {entry.note for entry in catalog.chips().values() if entry.note}
    assert {note for note in notes if words.notice(note) is None} == set()


# Makers that Chinese readers know by no other name.
UNTRANSLATED_MAKERS = {"Cerebras", "Groq", "SambaNova"}


def test_every_maker_has_a_chinese_name():
    makers = {entry.vendor for entry in catalog.chips().values()}
    assert makers - Words.load("zh").table.keys() == UNTRANSLATED_MAKERS


def test_a_list_is_translated_phrase_by_phrase():
    words = Words.load("zh")
    assert words.listed("on-demand, 2026-10-01, 5 offers") == "按需，2026-10-01，5 个报价"
    assert (
        words.listed("Prototype X · 128→64 tokens · batch 4")
        == "Prototype X · 128→64 Token · 批大小 4"
    )
    assert Words.load("en").listed("on-demand, 5 offers") == "on-demand, 5 offers"


def test_a_warning_keeps_its_figures():
    warning = "serving: the hypervisor gave 3.1% of the CPU time to others; use a dedicated host"
    assert "3.1%" in (Words.load("zh").notice(warning) or "")
    assert Words.load("zh").notice("anything a stranger wrote") is None
    assert Words.load("zh").notice(warning.replace("3.1%", "a b")) is None


def test_the_note_of_a_modelled_meter_is_chinese_and_keeps_the_chip_s_name():
    words = Words.load("zh")
    for entry in catalog.chips().values():
        for part in ("cores", "chips"):
            source = f"nameplate of {entry.name} for 2 {part}"
            note = ModelledMeter(low_w=0, high_w=40.25, source=source).info.note
            told = words.notice(note) or ""
            assert entry.name in told
            assert "0 至 40.2 W" in told
    assert words.notice(note.replace(entry.name, "x; y")) is None


def test_the_note_of_a_meter_s_log_is_chinese(tmp_path: Path):
    log = tmp_path / "wall.csv"
    log.write_text("time,power_w\n" + "".join(f"{1.8e9 + at},{50.0}\n" for at in range(9)))
    assert "每 1 s 采样一次" in (Words.load("zh").notice(TraceMeter(log).info.note) or "")
