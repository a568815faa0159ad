"""What Lighthouse and axe would ask of every kind of page, asked in headless Chromium."""

from __future__ import annotations

import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from urllib.parse import urljoin

import pytest

from tests.site.conftest import PATIENCE_MS, look

pytestmark = pytest.mark.browser

KINDS = (
    "",
    "leaderboard/",
    "curves/",
    "chips/",
    "chips/h100-sxm/",
    "models/",
    "models/qwen2.5-0.5b/",
    "compare/",
    "cost/",
    "choose/",
    "fen/",
    "claims/lmsys-h100-20-cents/",
    "forecasts/",
    "history/",
    "reported/",
    "reported/mlperf-h200-sxm/",
    "reported/inferencex-h200-sxm/",
    "verify/",
    "runners/",
    "as-of/",
    "data/",
    "docs/",
    "methodology/",
)

WATCH = """
globalThis.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
# WCAG 2.2, 2.5.8: 24 by 24 CSS pixels; links within text and what is near nothing else are exempt.
SMALL = """
[...document.querySelectorAll('button, select, input, summary, nav a, a.button, a.tile')]
  .filter((one) => one.checkVisibility() && !one.matches('.board *, label input[type=checkbox]'))
  .map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()])
  .filter(([, box]) => box.width < 24 || box.height < 24)
  .map(([html, box]) => `${html} ${box.width} x ${box.height}`)
"""
HEAD = """({
  lang: document.documentElement.lang,
  title: document.title,
  about: document.querySelector('meta[name=description]')?.content ?? '',
  viewport: document.querySelector('meta[name=viewport]')?.content ?? '',
  h1: document.querySelectorAll('h1').length,
  canonical: document.querySelector('link[rel=canonical]')?.href ?? '',
})"""
UNSIZED = """
[...document.images].filter((one) => one.complete && one.naturalWidth === 0).map((one) => one.src)
"""
# Rows, entries and marks that differ in words and numbers alone are alike: two stand for hundreds.
SHOWN = """() => {
  const kind = (one) => one.outerHTML
    .replace(/>[^<]*\\S[^<]*</g, ">x<")
    .replace(/ (?!class|role|type|scope)([\\w-]+)="[^"]+"/g, ' $1="x"');
  const many = "tr, li, option, dl > div, svg *";
  for (const parent of new Set([...document.querySelectorAll(many)]
    .map((one) => one.parentElement))) {
    const seen = new Map();
    for (const one of [...parent.children]) {
      if (!one.matches(many)) continue;
      const times = (seen.get(kind(one)) ?? 0) + 1;
      seen.set(kind(one), times);
      if (times > 2) one.remove();
    }
  }
  const styles = [...document.styleSheets].map(({ href }) => href);
  return [location.href, styles, document.documentElement.outerHTML];
}"""
# A page as it is shown takes the place of another of the same site, where axe need not be compiled
# again: the first run of its code takes three times the second's. Styles stay.
# Nothing is loaded once more for a rule about audio, of which no page has any.
AXE = """async ([address, styles, html]) => {
  const own = [...document.styleSheets].map(({ href }) => href);
  if (`${own}` !== `${styles}`) throw new Error(`styles ${styles}`);
  history.replaceState(null, "", address);
  const shown = new DOMParser().parseFromString(html, "text/html");
  for (const one of shown.querySelectorAll("script, link")) one.remove();
  for (const one of document.head.querySelectorAll(":not(link)")) one.remove();
  document.head.append(...shown.head.children);
  document.body.replaceWith(shown.body);
  const [root, said] = [document.documentElement, shown.documentElement];
  for (const name of root.getAttributeNames()) root.removeAttribute(name);
  for (const { name, value } of said.attributes) root.setAttribute(name, value);
  const { violations } = await axe.run({ resultTypes: ["violations"], preload: false });
  return violations.map(({ id, nodes: [{ html, any }] }) => [id, html.slice(0, 200), any[0]]);
}"""
# A board may have many chips: its table scrolls in its place, and the page stays as wide as it is.
WIDENED = """(() => {
  for (const table of document.querySelectorAll(".scroll table")) table.style.minWidth = "3000px";
  return document.documentElement.scrollWidth;
})()"""
# Lighthouse's mark for "good"; ours is that nothing moves, fonts and rounding aside.
MOST_SHIFT = 0.01


@pytest.fixture(scope="module")
def base(site, serve):
    return serve(site)


@pytest.fixture
def audited(browser, base):
    """Returns a function that opens a page in which axe audits what others show."""
    contexts = []

    def opened(lang, **options):
        # What scripts gave a style, the policy of the pages would take from it.
        contexts.append(browser.new_context(bypass_csp=True, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        look(page, urljoin(base, f"{lang}docs/"))
        page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
        return page

    yield opened
    for context in contexts:
        context.close()


# Words differ by language and colours by theme; neither by both.
@pytest.mark.parametrize(("lang", "width", "theme"), [("", 360, "light"), ("zh/", 1280, "dark")])
def test_every_page_kind_would_pass_an_audit(browser, base, audited, lang, width, theme):
    options = {"viewport": {"width": width, "height": 844}, "color_scheme": theme}
    audit = audited(lang, **options)
    context = browser.new_context(**options)
    context.add_init_script(WATCH)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    # What comes late moves what stands: every page is opened as by somebody new.
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    complaints: list[str] = []
    page.on("console", lambda m: m.type in {"error", "warning"} and complaints.append(m.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # A busy machine may still be loading when we leave a page: that is not a failure of the page.
    left = "net::ERR_ABORTED"
    page.on("requestfailed", lambda r: r.failure == left or complaints.append(f"failed {r.url}"))
    page.on("request", lambda r: r.url.startswith(base) or complaints.append(f"asked {r.url}"))
    titles = []
    for kind in KINDS:
        look(page, urljoin(base, lang + kind))
        head = page.evaluate(HEAD)
        titles.append(head["title"])
        outcomes = {
            "language": head["lang"].startswith(lang.strip("/") or "en"),
            "title": 5 <= len(head["title"]) <= 120,
            "description": head["about"] != "",
            "viewport": "width=device-width" in head["viewport"],
            "one h1": head["h1"] == 1,
            "canonical": head["canonical"].endswith(lang + kind),
            "nothing too small to touch": page.evaluate(SMALL) == [] or page.evaluate(SMALL),
            "no broken picture": page.evaluate(UNSIZED) == [],
            "no sideways scroll": page.evaluate("document.documentElement.scrollWidth") <= width,
            "nothing moves": page.evaluate("shifted") <= MOST_SHIFT or page.evaluate("shifted"),
        }
        assert {what: how for what, how in outcomes.items() if how is not True} == {}, lang + kind
        assert audit.evaluate(AXE, page.evaluate(SHOWN)) == [], lang + kind
        assert page.evaluate(WIDENED) <= width, lang + kind
    context.close()
    assert complaints == []
    assert len(set(titles)) == len(titles)


@pytest.fixture
def torn(site):
    """The leaderboard's page, which stops in the middle of its table until the rest is released."""
    page = (site / "leaderboard" / "index.html").read_bytes()
    cut = page.index(b"</tr>", page.index(b"<tbody>"))
    released = threading.Event()

    class Torn(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(site))

        def do_GET(self):
            if self.path != "/leaderboard/":
                super().do_GET()
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page[:cut])
            self.wfile.flush()
            released.wait()
            self.wfile.write(page[cut:])

        def log_message(self, *words):
            """Say nothing: the test's own words suffice."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Torn) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/leaderboard/", released
        released.set()
        listening.shutdown()


def test_a_table_shows_when_it_has_arrived_in_whole_and_then_nothing_moves(browser, torn):
    address, released = torn
    context = browser.new_context(viewport={"width": 1280, "height": 844})
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(address, wait_until="commit")
    table = page.locator("main table").first
    table.locator("tbody tr").first.wait_for(state="attached")
    assert not table.is_visible()
    assert page.locator("main h1").is_visible()
    released.set()
    table.wait_for(state="visible")
    page.wait_for_load_state()
    assert page.evaluate("shifted") <= MOST_SHIFT
    context.close()
