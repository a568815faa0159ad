"""Archives of made-up results, the site built from them, and one browser to look at it."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from asyncio import events
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urljoin

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from leaderboard import BuildReport, build
from leaderboard.output.preview import _Quiet
from leaderboard.pages import models
from results.archive import archive, forecasts
from results.keys.identity import runner_id, runner_toml
from results.proof import envelope
from results.proof.ledger import Ledger
from results.proof.receipt import result_entry
from results.reported import import_file
from results.reported.shipping import DATA
from results.statement import strict_json
from results.statement.statement_v2 import read_statement
from tests.builders import engine, forecast, stated

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    from playwright.sync_api import Browser, Page, ViewportSize

    from leaderboard.pages.models import ModelView

Once: TypeAlias = "Callable[[str, Callable[[Path], object]], Path]"
Build: TypeAlias = "Callable[..., BuildReport]"

PUBLIC = Path(archive.__file__).parents[1] / "public"
CHROMIUM = Path("/usr/bin/chromium")
# No GPU, no sandbox inside a container, and no traffic of its own.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 120_000  # on a busy machine
VIEWPORT: ViewportSize = {"width": 1280, "height": 800}
# Pages of models that nobody ran are made alike, and are most of a build: these stand for all,
# among them those that the tests' rows of others name.
FEW_MODELS = {"deepseek-v3", "gpt-oss-120b", "kimi-k2.5", "llama-3.1-8b", "qwen3-32b"}
SIGNER = CryptoSigner(Ed25519PrivateKey.from_private_bytes(b"7" * 32))

# One stream's wait for the first token: short enough for the fastest chip of the tests.
TTFT_MS = 31.0
_METER = {
    True: {"meter": "nvml", "scope": "chip", "meter_method": "hardware counter"},
    False: {"meter": "nameplate", "scope": "chip", "meter_method": "model"},
}

# Starts the verify page's script once more, for another result or other files, and waits for its
# verdict: to load page, styles and the other scripts again would say no more.
JUDGE_AGAIN = """async (statement, once) => {
  const page = document.querySelector(".verify"), verdict = page.querySelector(".verdict");
  history.replaceState(null, "", `?statement=${statement}`);
  verdict.className = "verdict";
  const given = new Promise((resolve) => new MutationObserver(() => {
    if (verdict.matches(".good, .bad")) resolve();
  }).observe(verdict, { attributes: true }));
  await import(`${document.querySelector(".verify ~ script").src}?${once}`);
  await given;
  return verdict;
}"""
BASE_URL = "https://example.org/fenmark"
# Rows as they are published; one of the second is out to do harm.
MLPERF = [
    {
        "ID": f"5.1-00{number}",
        "version": "v5.1",
        "Category": "closed",
        "Scenario": scenario,
        "Submitter": "Somebody",
        "UsedModel": "llama2-70b-99",
        "Accelerator": "NVIDIA H200-SXM-141GB",
        "a#": 8,
        "Nodes": 1,
        "Performance_Result": 30000.0 + number,
        "Performance_Units": "Tokens/s",
        "Power_Result": 5000.0,
        "Power_Units": "Watts",
        "Details": "https://example.org/results",
    }
    for number, scenario in ((11, "Offline"), (12, "Server"))
]
INFERENCEX = [
    {
        "hardware": "h200",
        "model": "<script>alert(1)</script>",
        "precision": "fp8",
        "framework": "sglang\u202e",
        "isl": 1024,
        "osl": 1024,
        "conc": users,
        "disagg": "False",
        "num_decode_gpu": 8,
        "output_tput_per_gpu": 40.0 * users,
        "input_tput_per_gpu": 40.0 * users,
        "tput_per_gpu": 80.0 * users,
        "median_ttft": 0.1,
        "median_tpot": 0.02,
        "date": "2026-05-17",
        "run_url": "javascript:alert(1)",
    }
    for users in (4, 8)
]


def statement(
    *,
    chip: str = "Test CPU 9000",
    catalog_id: str | None = None,
    kind: str = "cpu",
    model: str = "qwen2.5-0.5b",
    speed: float = 24.0,
    date: str = "2026-11-20",
    number: int = 1,
    metered: bool = False,
    text: str = "",
    value: float | None = None,
) -> dict[str, Any]:
    """A statement of one quick run; `text` goes into every free field, to see what it does."""
    rows: list[dict[str, Any]] = []

    def row(suite: str, case: str, metric: str, unit: str, figure: float, **labels: Any) -> None:
        method, n = labels.pop("method", "measured"), labels.pop("n", 5)
        rows.append(
            {
                "suite": suite,
                "case": case,
                "metric": metric,
                "unit": unit,
                "value": figure if value is None else value,
                "low": figure * 0.97 if value is None else None,
                "high": figure * 1.04 if value is None else None,
                "n": n,
                "method": method,
                "labels": labels,
            }
        )

    for users in (1, 2, 4):
        load = {"isl": 128, "osl": 64, "concurrency": users, "model": model, "valid": True}
        case, rate, asked = f"closed/c{users}", speed * users**0.6, max(4, 2 * users)
        energy = {"method": "measured" if metered else "modelled", **_METER[metered]}
        row("serving", case, "output_throughput", "tokens/s", rate, **load)
        row("serving", case, "interactivity", "tokens/s/user", rate / users, n=asked, **load)
        row("serving", case, "request_throughput", "1/s", rate / 64, **load)
        row("serving", case, "failed", "count", 0.0, n=asked, **load)
        row("serving", case, "energy_per_output_token", "J/token", 60 / rate, **load, **energy)
        for percentile, factor in ((50, 1.0), (99, 1.5)):
            labels = {**load, "percentile": percentile, "n": asked}
            row("serving", case, "ttft", "ms", TTFT_MS * users * factor, **labels)
            row("serving", case, "tpot", "ms", 1000 * users / rate * factor, **labels)
            row("serving", case, "e2e", "ms", 64_000 * users / rate * factor, **labels)
    row("inference", "prefill/isl256", "ttft", "ms", 1450.0, isl=256, batch=1)
    row("inference", "prefill/isl256", "prefill_throughput", "tokens/s", 177.0, isl=256, batch=1)
    row("inference", "decode/b4/ctx256", "tpot", "ms", 65.0, batch=4, context=256)
    row("inference", "decode/b4/ctx256", "decode_throughput", "tokens/s", 61.0, batch=4)
    kernel = {"backend": "numpy", "dtype": "f32", "cache": "cold"}
    for family, intensity, rate in (("gemm", 80.0, 0.3), ("copy", 0.1, 0.0027)):
        labels = {**kernel, "family": family, "intensity_flop_per_byte": intensity}
        row("kernels", f"{family}/f32/numpy/cold", "time", "ms", 0.2, **labels)
        row("kernels", f"{family}/f32/numpy/cold", "compute_rate", "TFLOP/s", rate, **labels)
    row("kernels", "roofline/cpu/peak/f32", "compute_rate", "TFLOP/s", 0.31, dtype="f32")
    row("kernels", "roofline/cpu/memory", "bandwidth", "GB/s", 27.0, cache="cold")
    chip_of_run = {
        "catalog_id": catalog_id,
        "name": text[:256] or chip,
        "kind": kind,
        "count": 2,
    }
    meter = (
        {"name": "nvml", "scope": "chip", "method": "hardware counter"}
        if metered
        else {"name": "nameplate", "scope": "chip", "method": "model"}
    )
    return stated(
        *rows,
        version=1,
        samples=f"{number:064x}",
        machine={
            "chip": chip_of_run,
            "cpu_name": text[:256] or "Test CPU 9000",
            "virtual_machine": "kvm",
            "driver": "580" if kind == "gpu" else None,
            "conditions": {f"gpu{n}_temperature_c": 31 for n in range(2) if kind == "gpu"},
        },
        engines=[engine(name=text[:256] or "llama.cpp", model=text[:256] or model)],
        meters=[meter],
        packages={"numpy": "2.4.6"},
        commit="a" * 40,
        warnings=[text[:4096]] if text else [],
        id=f"{number:08d}-0000-4000-8000-000000000000",
        runner=text[:256] or "lab-1",
        suites=["kernels", "inference", "serving"],
        seed=1,
        started_at=f"{date}T20:00:00Z",
        finished_at=f"{date}T20:05:00Z",
    )


def accept(folder: Path, *statements: dict[str, Any]) -> Path:
    """Sign statements into an archive."""
    folder.mkdir(parents=True, exist_ok=True)
    for document in statements:
        archive.accept(folder, envelope.encode(read_statement(document)), SIGNER)
    return folder


def unchecked(folder: Path, *statements: dict[str, Any], signer: CryptoSigner = SIGNER) -> Path:
    """Sign and log statements whatever they say, as a stranger's own program can."""
    (folder / "log").mkdir(parents=True, exist_ok=True)
    (folder / "runners").mkdir(exist_ok=True)
    key = signer.public_key
    (folder / "runners" / f"{runner_id(key)}.toml").write_text(runner_toml(key))
    sealed = [envelope.sign(strict_json.canonical(document), signer) for document in statements]
    for data in sealed:
        (folder / f"{envelope.digest(data)}{archive.SUFFIX}").write_bytes(data)
    entries = [result_entry(envelope.digest(data)) for data in sealed]
    Ledger(folder / "log").extend(entries, origin=archive.log_origin(signer), signer=signer)
    return folder


@contextmanager
def few_models() -> Iterator[None]:
    """Have sites show the models that a result ran and a few more.

    `site` and `published` show all.
    """
    views = models.views

    def few(rows: pd.DataFrame) -> dict[str, ModelView]:
        shown = views(rows).items()
        return {model: view for model, view in shown if view.results or model in FEW_MODELS}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "views", few)
        yield


def small_build(folders: Sequence[Path], out: Path, **more: Any) -> BuildReport:
    """Build a site that shows few models, at the address of all others: shells are of one."""
    with few_models():
        return build(folders, out, BASE_URL, **more)


def look(page: Page, address: str) -> None:
    """Open a page and wait until its live parts are alive."""
    page.goto(address)
    alive = ("fenmark-board", "fenmark-compare", "fenmark-cost", "fenmark-reported")
    waiting = page.locator(", ".join(f"{name}:not([ready])" for name in alive))
    waiting.wait_for(state="detached")


def visit(page: Page, base: str, url: str) -> list[str]:
    """Open a page and return everything the browser complained about or fetched elsewhere."""
    complaints: list[str] = []
    complain = complaints.append
    watchers = {
        "console": lambda m: m.type in {"error", "warning"} and complain(m.text),
        "pageerror": lambda error: complain(str(error)),
        "request": lambda r: r.url.startswith(base) or complain(f"asked {r.url}"),
        "response": lambda r: r.ok or complain(f"{r.status} {r.url}"),
    }
    for event, watcher in watchers.items():
        page.on(event, watcher)
    look(page, urljoin(base, url))
    for event, watcher in watchers.items():
        page.remove_listener(event, watcher)
    return complaints


def address(page: Page) -> str:
    """Ask the page itself where it is: what Playwright knows of it may be of a moment ago."""
    return str(page.evaluate("location.href"))


def saved(page: Page, kind: str) -> bytes:
    """Have a page save its view as "csv", "json" or "parquet"; return the file."""
    with page.expect_download() as waiting:
        page.locator(f"[data-save={kind}]").click()
    return Path(waiting.value.path()).read_bytes()


@pytest.fixture(scope="session", autouse=True, name="cache")
def own_cache(once: Once) -> Iterator[None]:
    """Render the shells once for all tests, and leave the user's cache alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(once("cache", Path.mkdir)))
        yield


@pytest.fixture(scope="session")
def begun(once: Once) -> Callable[..., Path]:
    """Return a function that makes a folder with the site of one result, if it is not there.

    Its pages of chips hold what is predicted of the model that most tests run.
    """

    def make(folder: Path) -> None:
        archived = once("one-result", lambda home: accept(home, statement()))
        small_build([archived], folder)

    def begin(out: Path) -> Path:
        if not out.exists():
            shutil.copytree(once("begun", make), out)
        return out

    return begin


@pytest.fixture(scope="session")
def quick_build(begun: Callable[..., Path]) -> Build:
    """Return `build`, which makes only pages that differ from those of a site of one result.

    That this is the build from nothing is tested in `output/test_build`.
    """

    def run(folders: Sequence[Path], out: Path, **more: Any) -> BuildReport:
        return small_build(folders, begun(out), **more)

    return run


@pytest.fixture(scope="session")
def results(once: Once) -> Path:
    """Four runs: two of one CPU on two days, one of a listed GPU with a meter, one unlisted.

    And two forecasts.
    """
    return once("results", _results)


def _results(folder: Path) -> None:
    accept(
        folder,
        statement(number=1, date="2026-11-18", speed=24.0),
        statement(number=2, date="2026-11-20", speed=20.0),
        statement(
            number=3,
            chip="NVIDIA H100 80GB HBM3",
            catalog_id="h100-sxm",
            kind="gpu",
            model="llama-3.1-8b",
            speed=900.0,
            metered=True,
        ),
        statement(number=4, chip="Prototype X", speed=31.0),
    )
    forecasts.enter(folder, [forecast(), forecast(level="a feeling")], SIGNER, SIGNER)


@pytest.fixture(scope="session")
def others(once: Once) -> Path:
    """What two publishers say of one chip, imported."""
    return once("others", _others)


def _others(folder: Path) -> None:
    folder.mkdir()
    for kind, rows in (("mlperf", MLPERF), ("inferencex", INFERENCEX)):
        published = folder / f"{kind}.json"
        published.write_text(json.dumps(rows), encoding="utf-8")
        imported = import_file(kind, published)
        (folder / f"{kind}.reported.json").write_text(imported.model_dump_json(), encoding="utf-8")


@pytest.fixture(scope="session")
def site(once: Once, results: Path, others: Path) -> Path:
    return once("site", lambda out: build([results], out, BASE_URL, others=[others]))


@pytest.fixture(scope="session")
def published(once: Once) -> Path:
    """Build the site of the published archive, with what ships of others' results."""
    return once("published", lambda out: build([PUBLIC], out, BASE_URL, others=[DATA]))


class Host(_Quiet):
    """Serves as the preview does, and lets a browser keep scripts and styles, as any host does.

    A page asks for twenty of them, which were a third of what it takes to open one.
    """

    def end_headers(self) -> None:
        if "/assets/" in self.path:
            self.send_header("Cache-Control", "max-age=3600")
        super().end_headers()


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Return a function that serves a folder and gives its address."""
    running = []

    @cache
    def start(folder: Path) -> str:
        listening = ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(folder)))
        running.append(listening)
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{listening.server_port}/"

    yield start
    with ThreadPoolExecutor(max(1, len(running))) as pool:  # each may take half a second to see it
        for listening in running:
            pool.submit(listening.shutdown)
    for listening in running:
        listening.server_close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[tuple[Browser, AbstractEventLoop]]:
    """Start one browser for all tests, and the loop that drives it, which rests meanwhile."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; on Debian: apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        loop = asyncio.get_running_loop()
        events._set_running_loop(None)
        yield launched, loop
        events._set_running_loop(loop)
        launched.close()


@pytest.fixture
def browser(chromium: tuple[Browser, AbstractEventLoop]) -> Iterator[Browser]:
    """Give the browser; beside its loop no other can start, so it runs in tests that have it."""
    launched, loop = chromium
    events._set_running_loop(loop)
    yield launched
    events._set_running_loop(None)


@pytest.fixture(scope="session")
def kept() -> dict[str, Page]:
    """Pages that many tests use: a new one, with a process of its own, costs a second."""
    return {}


def _kept(browser: Browser, kept: dict[str, Page], name: str, **options: Any) -> Iterator[Page]:
    if name not in kept:
        kept[name] = browser.new_page(viewport=VIEWPORT, **options)
        kept[name].set_default_timeout(PATIENCE_MS)
    page = kept[name]
    yield page
    page.unroute_all()
    if page.url.startswith("http"):
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
    page.goto("about:blank")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(VIEWPORT)


@pytest.fixture
def tab(browser: Browser, kept: dict[str, Page]) -> Iterator[Page]:
    """Give a page that remembers nothing of the last test, as wide as a desk's."""
    yield from _kept(browser, kept, "tab")


@pytest.fixture
def another(browser: Browser, kept: dict[str, Page]) -> Iterator[Page]:
    """Give a second reader's page."""
    yield from _kept(browser, kept, "another")


@pytest.fixture
def plain(browser: Browser, kept: dict[str, Page]) -> Iterator[Page]:
    """Give a page that runs no script."""
    yield from _kept(browser, kept, "plain", java_script_enabled=False)
