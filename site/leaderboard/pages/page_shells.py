"""Documents and empty page shells by mkdocs-material, kept until their sources change."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.words import Words
from suites.base.errors import CheckError
from suites.base.locks import held

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["SHELL_URLS", "Shells", "documents", "render", "unwrapped"]

_HERE = Path(__file__).parent.parent
_MKDOCS_FILE = {"en": "mkdocs.yml", "zh": "mkdocs.zh.yml"}
# Depth in the tree -> the shell page whose relative links fit there.
SHELL_URLS = {0: "", 1: "shell/", 2: "shell/entity/", 3: "shell/entity/part/"}
# Shells of a language that stay, each of one address and one version of the documents.
_KEPT = 4
_MARK = re.compile(r"@@(title|description|content|picture)@@")
_FULL_WIDTH = r"\u3000-\u303f\uff00-\uffef"
_CHINESE = rf"\u4e00-\u9fff{_FULL_WIDTH}"
# Between two Chinese characters, or beside a full-width mark; code keeps its lines.
_LINE_END = re.compile(
    rf"(?P<kept><pre.*?</pre>)|(?<=[{_CHINESE}])\n *(?=[{_CHINESE}])"
    rf"|(?<=[{_FULL_WIDTH}])\n *|\n *(?=[{_FULL_WIDTH}])",
    re.DOTALL,
)
# Pages that there is one of, with a picture in the gallery; a picture of one chip's page beside a
# link to another's would show the wrong figures.
_PICTURED = {
    "chips", "compare", "cost", "curves", "data", "docs", "history", "leaderboard", "models",
    "reported", "runners", "verify",
}  # fmt: skip
_MENU = (
    ("leaderboard", "Leaderboard", ""),
    ("curves", "Curves", ""),
    ("chips", "Chips", "chips/"),
    ("models", "Models", "models/"),
    ("compare", "Compare", ""),
    ("cost", "Cost", ""),
    ("choose", "Choose", ""),
    ("fen", "One fen", ""),
    ("history", "History", ""),
    ("reported", "Reported", "reported/"),
    ("verify", "Verify", ""),
    ("docs", "Docs", ""),
)


@dataclass(frozen=True, slots=True)
class Shells:
    """A rendered tree of one language.

    Attributes:
        lang: "en" or "zh".
        root: documents and theme assets, ready to be copied.
        by_depth: page shells with @@marks@@, by their depth in the tree.
        urls: the URL each shell believes it has.
        documents: URLs of the finished documents.
    """

    lang: str
    root: Path
    by_depth: Mapping[int, str]
    urls: Mapping[int, str]
    documents: frozenset[str]

    def fill(self, url: str, *, kind: str, title: str, description: str, content: str) -> str:
        """Return the page of `url`: title and description are escaped here, content is HTML.

        Args:
            kind: its template, for the picture that stands beside links to it.
        """
        from markupsafe import escape

        depth = url.count("/")
        page = self.by_depth[depth]
        # Longest first: the shell's own URL stands in language switch and canonical link.
        if self.urls[depth]:
            page = page.replace(f"{self.urls[depth]}", url)
        here = "../" * depth + url.partition("/")[0] + "/"
        page = page.replace(f'<a href="{here}">', f'<a href="{here}" aria-current="page">', 1)
        marks = {
            "title": escape(title),
            "description": escape(description),
            "content": content,
            "picture": _picture(self.lang, kind),
        }
        # In one pass: a mark in what a stranger calls a chip is not a mark.
        return _MARK.sub(lambda mark: str(marks[mark[1]]), page)


def render(lang: str, base_url: str | None, cache: Path) -> Shells:
    """Render documents and shells of a language, or take them from `cache` when nothing changed.

    Raises:
        CheckError: mkdocs cannot render the documents.
    """
    cached = cache / f"shells-{lang}-{_digest(lang, base_url)}"
    if not cached.is_dir():
        with held(cache, name="shells.lock"):
            _make(cached, lang, base_url)
    by_depth = {depth: _read(cached, url) for depth, url in SHELL_URLS.items()}
    documents = frozenset(
        f"{page.parent.relative_to(cached)}/"
        for page in cached.glob("**/index.html")
        if page.parent != cached and page.relative_to(cached).parts[0] != "shell"
    )
    return Shells(lang, cached, by_depth, SHELL_URLS, documents)


def _make(cached: Path, lang: str, base_url: str | None) -> None:
    """Render, unless another process did so meanwhile."""
    if cached.is_dir():
        return
    _forget(cached.parent.glob(f"shells-{lang}-*"))
    with tempfile.TemporaryDirectory(dir=cached.parent) as scratch:
        built = Path(scratch) / "site"
        _mkdocs(lang, base_url, Path(scratch) / "docs", built)
        built.replace(cached)


def _forget(shells: Iterable[Path]) -> None:
    """Remove all but the newest: sites at several addresses take turns, or are built at once."""
    for stale in sorted(shells, key=lambda path: path.stat().st_mtime_ns)[: 1 - _KEPT]:
        shutil.rmtree(stale, ignore_errors=True)


def documents(lang: str) -> dict[str, tuple[str, str]]:
    """Return (title, description) of every document of a language, by name.

    The title is the first heading; the description stands in the front matter.
    """
    headings = {}
    for path in sorted((_HERE / ("docs" if lang == "en" else f"docs_{lang}")).glob("*.md")):
        text = path.read_text(encoding="utf-8")
        title = re.search(r"^# (.+)$", text, re.MULTILINE)
        about = re.search(r"^description: (.+)$", text, re.MULTILINE)
        headings[path.stem] = (title[1] if title else path.stem, about[1] if about else "")
    # How to read the figures comes before the details of each suite.
    return dict(sorted(headings.items(), key=lambda item: (item[0] != "methodology", item[0])))


def _picture(lang: str, kind: str) -> str:
    """Name the gallery's picture of a kind of page."""
    if lang == "zh":
        return "chinese"
    return kind if kind in _PICTURED else "overview"


def _read(root: Path, url: str) -> str:
    return (root / url / "index.html").read_text(encoding="utf-8")


def _digest(lang: str, base_url: str | None) -> str:
    """Identify everything the shells are made of."""
    made_of = hashlib.sha256(f"{lang} {base_url} {version('mkdocs-material')}".encode())
    sources = [
        _HERE / "pages" / "page_shells.py",
        *_HERE.glob("mkdocs*.yml"),
        *_HERE.glob("words/*.toml"),
    ]
    for folder in ("theme", "docs", "docs_zh"):
        sources += (path for path in (_HERE / folder).rglob("*") if path.is_file())
    for path in sorted(sources):
        made_of.update(f"\0{path.relative_to(_HERE)}\0".encode() + path.read_bytes())
    return made_of.hexdigest()[:16]


def _mkdocs(lang: str, base_url: str | None, docs: Path, out: Path) -> None:
    # The theme announces its end of life on import; this project pins mkdocs below 2 and
    # keeps its content plain, so the notice has nothing to say to somebody who runs a benchmark.
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import MkDocsException

    _write_sources(lang, docs)
    logging.getLogger("mkdocs").setLevel(logging.ERROR)
    prefix = "" if lang == "en" else f"{lang}/"
    try:
        config = load_config(
            str(_HERE / _MKDOCS_FILE[lang]),
            docs_dir=str(docs),
            site_dir=str(out),
            site_url=f"{base_url.rstrip('/')}/{prefix}" if base_url else "",
        )
        config["extra"] = _extra(lang, base_url)
        # Navigation of a full tree on every page grows with its square: documents only.
        config["nav"] = [
            str(p.relative_to(docs))
            for p in sorted(docs.glob("*.md"))
            if p.stem not in ("index", "404")
        ]
        build(config)
        for page in out.rglob("*.html"):
            text = _without_styles(page.read_text(encoding="utf-8"))
            page.write_text(unwrapped(text) if lang == "zh" else text, encoding="utf-8")
    except MkDocsException as error:
        raise CheckError(f"mkdocs cannot render the documents: {error}", where=str(docs)) from error


def _without_styles(page: str) -> str:
    """Turn the alignment of Markdown tables into classes: the policy forbids inline styles."""
    return re.sub(r' style="text-align: (left|right|center);"', r' class="to-\1"', page)


def unwrapped(page: str) -> str:
    """Join the lines of Chinese paragraphs: a browser shows a line's end there as a space."""
    return _LINE_END.sub(lambda match: match["kept"] or "", page)


def _write_sources(lang: str, docs: Path) -> None:
    """Lay documents and shells out as mkdocs reads them."""
    shutil.copytree(_HERE / ("docs" if lang == "en" else f"docs_{lang}"), docs)
    for url in SHELL_URLS.values():
        page = docs / url / "index.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(
            '---\ntemplate: app.html\ntitle: "@@title@@"\ndescription: "@@description@@"\n---\n',
            encoding="utf-8",
        )


def _extra(lang: str, base_url: str | None) -> dict[str, Any]:
    words = Words.load(lang)
    other = {"en": ("zh", "zh/", "中文"), "zh": ("en", "../", "English")}[lang]
    translated = {f"{path.stem}/" for path in (_HERE / "docs").glob("*.md")} & {
        f"{path.stem}/" for path in (_HERE / "docs_zh").glob("*.md")
    }
    return {
        "menu": [
            {"url": f"{url}/", "title": words(title), "inside": inside}
            for url, title, inside in _MENU
        ],
        "other_lang": other[0],
        "other_root": other[1],
        "other_name": other[2],
        "other_site": f"{(base_url or '').rstrip('/')}/{other[1].removeprefix('../')}",
        "english_site": f"{(base_url or '').rstrip('/')}/",
        "picture_of_documents": _picture(lang, "docs"),
        "translated": sorted(translated),
        "words": {
            "methodology": words("Methodology"),
            "verify": words("Verify"),
            "data": words("Data"),
            "runners": words("Runners and trust"),
            "pages": words("Pages"),
            "theme": words("Switch between light and dark"),
            "search": words("Search"),
            "search_what": words("Search chips, models and documents"),
            "search_failed": words("The search could not be loaded."),
            "missing": words("There is no page at this address."),
        },
    }
