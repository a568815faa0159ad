"""The verify page gives every vector the verdict that `fenmark verify` gives it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from leaderboard import build, known
from results import checkpoint, merkle
from results.identity import read_runner
from results.receipt import result_entry
from suites.errors import UserError
from tests.proof.test_vectors import lay
from tests.proof.vectors import HOME, LOG, ORIGIN, VECTORS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from results.identity import Runner
    from tests.proof.vectors import Vector

pytestmark = pytest.mark.browser

FOLDER = ORIGIN.rpartition("/")[2]
# Start the page's script once more, for another result on another site, and wait for its verdict.
# To load page, styles and the other scripts two hundred times would say no more.
CHECK = """async ([root, known, statement]) => {
  const page = document.querySelector(".verify");
  Object.assign(page.dataset, { root, known });
  history.replaceState(null, "", `?statement=${statement}`);
  const verdict = page.querySelector(".verdict");
  verdict.className = "verdict";
  const given = new Promise((resolve) => new MutationObserver(() => {
    if (verdict.matches(".good, .bad")) resolve();
  }).observe(verdict, { attributes: true }));
  await import(`${document.querySelector(".verify ~ script").src}?${root}`);
  await given;
  const bad = page.querySelector("[data-step].bad");
  return {
    good: verdict.matches(".good"),
    step: bad?.dataset.step ?? "",
    told: bad?.querySelector(".detail").textContent ?? "",
    rules: [...page.querySelectorAll(".flags li")].map((one) => one.dataset.rule),
  };
}"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The site of one good archive, whose files the vectors' take the place of."""
    out = tmp_path_factory.mktemp("vectors") / "out"
    build([lay(tmp_path_factory.mktemp("archive"), HOME)], out)
    return out


def runners(files: Mapping[str, bytes], *, registered: bool = False) -> list[Runner]:
    """The runners of the key files that can be read, as a site lists them."""
    read = []
    for path in sorted(path for path in files if path.startswith("runners/")):
        with suppress(UserError):
            runner = read_runner(files[path].decode(), path, registered=registered)
            if path == f"runners/{runner.id}.toml":
                read.append(runner)
    return read


def listed(vector: Vector, files: Mapping[str, bytes]) -> bytes:
    keys = known.keys([*runners(vector.catalogue, registered=True), *runners(files)])
    return known.key_list(keys)


def known_log(vector: Vector) -> known.KnownLog:
    """What a page knows of the log that was made when the log was as it was seen."""
    key = bytes.fromhex(LOG.public_key.keyval["public"])
    head = checkpoint.Checkpoint(origin=ORIGIN, size=0, root=merkle.root([]))
    if vector.seen:
        head = checkpoint.verify(vector.seen, [key], "seen")
    return known.KnownLog(
        origin=ORIGIN,
        key=key.hex(),
        size=head.size,
        root=head.root.hex(),
        cosigned="log/cosigned" in vector.files,
    )


def served(vector: Vector) -> dict[str, bytes]:
    """Files of a site that holds the vector's archive, by path."""
    places = {vector.digest: [FOLDER, place(vector)]}
    files = {
        "data/proofs/keys.json": listed(vector, vector.files),
        f"data/proofs/{vector.digest[:2]}.json": json.dumps(places).encode(),
        **{f"schema/statement-v{version}.json": data for version, data in known.schemas()},
    }
    for path, content in vector.files.items():
        folder = {"log": f"logs/{FOLDER}", "runners": "runners/keys"}.get(path.split("/")[0])
        files[f"{folder}/{path.partition('/')[2]}" if folder else f"statements/{path}"] = content
    return files


def knows(vector: Vector) -> str:
    """What the page of that site was made with."""
    made_with = listed(vector, vector.files if vector.listed is None else vector.listed)
    return known.known(made_with, {FOLDER: known_log(vector)})


def place(vector: Vector) -> int:
    """Index of the entry; the first bytes of bundles are enough to count in."""
    entry = result_entry(vector.digest)
    at = 0
    for path in sorted(path for path in vector.files if "/entries/" in path):
        bundle = vector.files[path]
        while bundle:
            end = 2 + int.from_bytes(bundle[:2], "big")
            if bundle[2:end] == entry:
                return at
            bundle, at = bundle[end:], at + 1
    return 0


def test_the_page_gives_every_vector_its_verdict(browser, serve, whole):
    base = serve(whole)
    page = browser.new_page()
    outside: list[str] = []
    page.on("request", lambda r: r.url.startswith(base) or outside.append(r.url))
    page.on("pageerror", lambda error: outside.append(str(error)))
    page.goto(f"{base}verify/")
    verdicts = {}
    for number, (name, vector) in enumerate(VECTORS.items()):
        lay(whole / f"v{number}", served(vector))
        about = [f"../v{number}/", knows(vector), vector.digest]
        verdicts[name] = page.evaluate(CHECK, about)
    page.close()
    differing = {
        name: told
        for name, told in verdicts.items()
        if (told["step"], set(told["rules"])) != (VECTORS[name].step, VECTORS[name].flags)
        or told["good"] == bool(VECTORS[name].step)
    }
    assert differing == {}
    assert outside == []
