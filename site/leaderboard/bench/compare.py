"""The site's own figures: `nox -s compare -- site`, or `python -m leaderboard.bench.compare`.

Makes an archive of signed and logged results, builds the site from it, from the published archive
and from what ships of others' results, twice and once more with one result added. Then it looks at
its pages in Chromium on a throttled phone, and asks the eight questions that readers bring. Peers
are boards of the same kind; their limits are those of the reader, so they stand here as numbers to
reach.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import resource
import tempfile
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.table import Table
from securesystemslib.signer import CryptoSigner

import results
from leaderboard import build
from leaderboard.base.unread import SETTLING_S
from leaderboard.bench.pages import PHONE_PAGES, compressed, heaviest, home_kb
from leaderboard.bench.questions import MOST_CLICKS, WALKS, ask
from leaderboard.output.preview import server
from results import catalog
from results.archive import archive
from results.keys.identity import runner_id, runner_toml
from results.proof import envelope
from results.proof.ledger import Ledger
from results.proof.receipt import result_entry
from results.reported.shipping import DATA
from results.statement import strict_json
from suites import models
from suites.base.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

__all__ = ["CHROMIUM", "main", "served"]

CHROMIUM = Path("/usr/bin/chromium")
_PUBLISHED = Path(results.__file__).parent / "public"
# Lighthouse's slow-4G phone: 1.6 Mbit/s, 150 ms, a processor four times slower.
_PHONE = {"downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8, "latency": 150}
_SLOWER = 4
_REPEATS = 9
_ANSWER = 60  # characters of it
# Layout Instability API, as Lighthouse sums it.
_WATCH_SHIFTS = """
globalThis.fenmarkShift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) fenmarkShift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


def main() -> None:
    """Measure and print; exits 0 whatever the figures are: it reports, CI judges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", type=int, default=20_000, help="how many to make")
    count = parser.parse_args().results
    table = Table("figure", "measured", "to reach", title=f"site, {count:,} results")
    with tempfile.TemporaryDirectory() as scratch:
        # Nothing kept from an earlier time may help.
        os.environ["XDG_CACHE_HOME"] = f"{scratch}/cache"
        folder, out = Path(scratch) / "results", Path(scratch) / "site"
        _make(folder, range(count))
        # A build trusts no file that changed just before it, and reads it again the next time.
        time.sleep(SETTLING_S)
        for row in _builds(folder, out, count):
            table.add_row(*row)
        for row in _view(out):
            table.add_row(*row)
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    terminal = Terminal()
    terminal.show(table)
    terminal.say(f"load of this machine, 1, 5 and 15 min: {load}; {os.cpu_count()} cores")


def _builds(folder: Path, out: Path, count: int) -> Iterator[tuple[str, str, str]]:
    reported = 0

    def build_all() -> None:
        nonlocal reported
        reported = build([folder, _PUBLISHED], out, others=[DATA]).reported

    full = _timed(build_all)
    yield f"full build with {reported:,} reported, s (processor)", full, "60 at 20,000"
    yield "build of the same, s (processor)", _timed(build_all), ""
    _make(folder, range(count, count + 1))
    yield "build after one new result, s (processor)", _timed(build_all), "3"
    peak_mb, of_worker_mb = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    yield "peak memory of the build, MB", f"{peak_mb:.0f}", "1000"
    yield "and of its largest worker, MB", f"{of_worker_mb:.0f}", ""


def _timed(work: Callable[[], object]) -> str:
    """Run and say how long it took, and how long processors worked: a busy machine shows.

    What earlier work left to be freed is freed before, as with a process of its own.
    """
    gc.collect()
    start, start_cpu = time.perf_counter(), _processor_s()
    work()
    wall, cpu = time.perf_counter() - start, _processor_s() - start_cpu
    return f"{wall:.1f} ({cpu:.1f})"


def _processor_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _make(folder: Path, numbers: range) -> None:
    """Sign results over the whole catalogue and all models, one serving point each."""
    signer = CryptoSigner(Ed25519PrivateKey.from_private_bytes(b"site compare key, 32 bytes long!"))
    chips, shapes = list(catalog.chips().values()), models.available()
    keys = folder / "runners"
    keys.mkdir(parents=True, exist_ok=True)
    key = signer.public_key
    (keys / f"{runner_id(key)}.toml").write_text(runner_toml(key), encoding="utf-8")
    entries = []
    for number in numbers:
        chip = chips[number % len(chips)]
        statement = _statement(number, chip.id, chip.name, shapes[number // 7 % len(shapes)])
        sealed = envelope.sign(strict_json.canonical(statement), signer)
        digest = envelope.digest(sealed)
        (folder / f"{digest}{archive.SUFFIX}").write_bytes(sealed)
        entries.append(result_entry(digest))
    (folder / "log").mkdir(exist_ok=True)
    origin = f"fenmark.local/{runner_id(key)}"
    Ledger(folder / "log").extend(entries, origin=origin, signer=signer)


def _statement(number: int, chip: str, name: str, model: str) -> dict[str, Any]:
    users = 2 ** (number % 7)
    rate = 500.0 * users**0.7 * (1 + number % 97 / 97)
    figures = {
        "output_throughput": ("tokens/s", rate),
        "interactivity": ("tokens/s/user", rate / users),
        "ttft": ("ms", 1000 * users / rate),
        "tpot": ("ms", 1000 * users / rate),
        "e2e": ("ms", 256_000 * users / rate),
        "energy_per_output_token": ("J/token", 300 / rate),
    }
    labels = {"isl": 1024, "osl": 256, "concurrency": users, "model": model, "valid": True}
    day = f"2026-{1 + number % 9:02d}-{1 + number % 28:02d}"
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "samples", "digest": {"sha256": f"{number:064x}"}}],
        "predicateType": "urn:fenmark:result:v1",
        "predicate": {
            "schema_version": 1,
            "run": {
                "id": f"{number:08d}-0000-4000-8000-000000000000",
                "runner": "compare",
                "suite_version": "0",
                "suites": ["serving"],
                "profile": "standard",
                "seed": number,
                "started_at": f"{day}T00:00:00Z",
                "finished_at": f"{day}T01:00:00Z",
            },
            "machine": {
                "chip": {"catalog_id": chip, "name": name, "kind": "other", "count": 1},
                "cpu_name": "made up",
                "cpu_cores": 1,
                "memory_bytes": 1,
                "os": "made up",
                "kernel": "made up",
                "container": None,
                "virtual_machine": None,
                "driver": None,
            },
            "software": {"python": "3", "packages": {}},
            "source": {"commit": None, "modified": True},
            "engines": [
                {
                    "name": "made up",
                    "version": "0",
                    "model": model,
                    "weights_sha256": None,
                    "weights": "random",
                    "precision": "bf16",
                }
            ],
            "meters": [{"name": "made up", "scope": "chip", "method": "hardware counter"}],
            "measurements": [
                {
                    "suite": "serving",
                    "case": f"closed/c{users}",
                    "metric": metric,
                    "unit": unit,
                    "value": value,
                    "low": value * 0.98,
                    "high": value * 1.02,
                    "n": 5,
                    "method": "measured",
                    "labels": labels,
                }
                for metric, (unit, value) in figures.items()
            ],
        },
    }


@contextmanager
def served(root: Path) -> Iterator[str]:
    with server(root, 0) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/"
        listening.shutdown()


def _view(site: Path) -> Iterator[tuple[str, str, str]]:
    """Yield what a reader meets: bytes, time to a live board, time to filter and to sort."""
    styles = [*(site / "assets").rglob("*.css")]
    page, index = site / "leaderboard" / "index.html", site / "data" / "board" / "index.json"
    named = re.findall(r"assets/fenmark/\w+\.js", page.read_text(encoding="utf-8"))
    own = [site / name for name in dict.fromkeys(named)]
    yield "board, kB compressed", f"{compressed(page, index, *styles, *own):.0f}", "150"
    yield "own code in it, kB compressed", f"{compressed(*own):.1f}", "15"
    (nodes, most_nodes), (kilobytes, largest) = heaviest(site)
    yield f"most nodes of a page: {most_nodes}", f"{nodes:,}", "5,000"
    yield f"largest page, kB: {largest}", f"{kilobytes:.0f}", "500"
    if not CHROMIUM.exists():
        yield "board in a browser", f"not measured: no {CHROMIUM}", ""
        return
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with served(site) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield "home, kB compressed, all it asks for", f"{home_kb(browser, base, site):.0f}", "150"
        for url in PHONE_PAGES:
            yield from _on_a_phone(browser, base, url)
        yield from _asked(browser, base)
        desk = browser.new_page()
        desk.goto(f"{base}leaderboard/?model=&suite=")
        desk.locator("fenmark-board[ready]").wait_for()
        rows = desk.locator(".count").inner_text()
        for name, query in (
            ("filter", "precision=bf16"),
            ("search", "q=h100"),
            ("sort", "sort=ttft"),
        ):
            times = sorted(_shown_ms(desk, query) for _ in range(_REPEATS))
            spread = f"{median(times):.0f} ({times[0]:.0f} to {times[-1]:.0f})"
            yield f"{name} {rows}, ms: median of {_REPEATS} (range)", spread, "50"
        browser.close()


def _asked(browser: Browser, base: str) -> Iterator[tuple[str, str, str]]:
    """Yield what each question of readers takes from home, and how its answer begins."""
    page = browser.new_page()
    for lang, prefix in (("English", ""), ("Chinese", "zh/")):
        for question in WALKS:
            walk, answer = ask(page, f"{base}{prefix}", question)
            begins = textwrap.shorten(answer, _ANSWER, placeholder=" …")
            steps = f"{walk.clicks}, {walk.choices} choices: {begins}"
            yield f"clicks to an answer, {lang}: {question}", steps, f"{MOST_CLICKS}"
    page.close()


def _on_a_phone(browser: Browser, base: str, url: str) -> Iterator[tuple[str, str, str]]:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {"offline": False, **_PHONE})
    session.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER})
    page.add_init_script(_WATCH_SHIFTS)
    start = time.perf_counter()
    page.goto(f"{base}{url}", wait_until="commit")
    page.locator(PHONE_PAGES[url]).first.wait_for(state="attached")
    alive = time.perf_counter() - start
    page.wait_for_timeout(1000)
    name = url or "home"
    yield f"alive on a throttled phone, s: {name}", f"{alive:.1f}", "2"
    yield f"layout shift there: {name}", f"{page.evaluate('fenmarkShift'):.3f}", "below 0.02"
    context.close()


def _shown_ms(page: Page, query: str) -> float:
    """Time from a query, after none, to its rows in the table, laid out."""
    return float(
        page.evaluate(
            "async query => { const board = document.querySelector('fenmark-board');"
            " const show = async state => { board.state = new URLSearchParams(state);"
            " await board.show(); board.getBoundingClientRect(); };"
            " await show('model=&suite='); const start = performance.now();"
            " await show(`model=&suite=&${query}`); return performance.now() - start; }",
            query,
        )
    )


if __name__ == "__main__":
    main()
