"""The verify page gives every vector the verdict that `fenmark verify` gives it."""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from leaderboard.read import known
from results.archive import archive
from results.keys.identity import read_runner
from results.proof import checkpoint, envelope, merkle, writer
from results.statement import strict_json
from suites.base.errors import UserError
from tests.results.test_vectors import KNOWN, lay
from tests.results.vectors import HOME, LOG, ORIGIN, VECTORS, stated
from tests.site.conftest import JUDGE_AGAIN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from results.archive.archive import ArchiveContext
    from results.keys.identity import Runner
    from tests.results.vectors import Vector

pytestmark = pytest.mark.browser

FOLDER = ORIGIN.rpartition("/")[2]
# What the script fetches comes from the files of a vector, or else from those of every site: three
# thousand requests would say no more of it, and `pages/test_verify` makes them.
SERVE = """(common) => {
  const decoded = new Map(
    Object.entries(common).map(([path, data]) => [path, Uint8Array.fromBase64(data)]),
  );
  globalThis.fetch = async (address) => {
    const data = globalThis.files[address];
    const bytes = data === undefined ? decoded.get(address) : Uint8Array.fromBase64(data);
    return new Response(bytes ?? null, { status: bytes ? 200 : 404 });
  };
}"""
CHECK = """async ([files, known, statement, once]) => {
  globalThis.files = files;
  const page = document.querySelector(".verify");
  Object.assign(page.dataset, { root: "", known });
  const verdict = await (JUDGE_AGAIN)(statement, once);
  const bad = page.querySelector("[data-step].bad");
  return {
    good: verdict.matches(".good"),
    tier: verdict.dataset.tier ?? "",
    step: bad?.dataset.step ?? "",
    told: bad?.querySelector(".detail").textContent ?? "",
    rules: [...page.querySelectorAll(".flags li")].map((one) => one.dataset.rule),
    differing: [...page.querySelectorAll(".flags [data-differs]")].map((one) => one.dataset.rule),
  };
}""".replace("JUDGE_AGAIN", JUDGE_AGAIN)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, quick_build) -> Path:
    """The site of one good archive, whose files the vectors' take the place of."""
    out = tmp_path_factory.mktemp("vectors") / "out"
    quick_build([lay(tmp_path_factory.mktemp("archive"), HOME)], out)
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


def listed(vector: Vector, files: Mapping[str, bytes], around: ArchiveContext | None) -> bytes:
    entered = [runner for _, runner in around.keys.registered.values()] if around else []
    catalogue = runners(vector.catalogue, registered=True)
    logs = {FOLDER: around} if around else {}
    return known.key_list(known.keys([*entered, *catalogue, *runners(files)], logs))


def surroundings(vector: Vector, home: Path) -> ArchiveContext | None:
    """What a site's builder reads of a log that is known, whose notices count."""
    if not vector.known:
        return None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "known_logs", lambda: KNOWN)
        return archive.surroundings(lay(home, vector.files))


def known_log(vector: Vector) -> known.CheckedLog:
    """What a page knows of the log that was made when the log was as it was seen."""
    key = bytes.fromhex(LOG.public_key.keyval["public"])
    head = checkpoint.Checkpoint(origin=ORIGIN, size=0, root=merkle.root([]))
    if vector.seen:
        head = checkpoint.verify(vector.seen, [key], "seen")
    return known.CheckedLog(
        origin=ORIGIN,
        key=key.hex(),
        size=head.size,
        root=head.root.hex(),
        cosigned="log/cosigned" in vector.files,
        known=vector.known,
    )


def common() -> dict[str, bytes]:
    """Files that every site has alike, by path."""
    schemas = {f"schema/statement-v{version}.json": data for version, data in known.schemas()}
    return {"data/proofs/laws.json": known.laws(), **schemas}


def served(vector: Vector, around: ArchiveContext | None) -> dict[str, bytes]:
    """The other files of a site that holds the vector's archive, by path."""
    places = {vector.digest: place(vector)}
    files = {
        "data/proofs/keys.json": listed(vector, vector.files, around),
        f"data/proofs/{vector.digest[:2]}.json": json.dumps(places).encode(),
    }
    for path, content in vector.files.items():
        folder = {"log": f"logs/{FOLDER}", "runners": "runners/keys"}.get(path.split("/")[0])
        files[f"{folder}/{path.partition('/')[2]}" if folder else f"statements/{path}"] = content
    return files


def knows(vector: Vector, around: ArchiveContext | None) -> str:
    """What the page of that site was made with."""
    files = vector.files if vector.listed is None else vector.listed
    made_with = listed(vector, files, around)
    return known.known(made_with, {FOLDER: known_log(vector)}, vector.policy)


def place(vector: Vector) -> list[Any]:
    """Folder, index and flags of the entry, as far as the bundles can be read."""
    index = 0
    for path in sorted(path for path in vector.files if "/entries/" in path):
        bundle = vector.files[path]
        while bundle:
            end = 2 + int.from_bytes(bundle[:2], "big")
            if vector.digest.encode() in bundle[:end]:
                return [FOLDER, index, json.loads(bundle[2:end]).get("flags", [])]
            bundle, index = bundle[end:], index + 1
    return [FOLDER, 0]


def sent(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: base64.b64encode(data).decode() for path, data in files.items()}


@pytest.fixture
def check(tab, serve, whole, tmp_path):
    """Judges a vector on the page; files of its site may be given in their place."""
    base = serve(whole)
    outside: list[str] = []
    watchers = {
        "request": lambda r: r.url.startswith(base) or outside.append(r.url),
        "pageerror": lambda error: outside.append(str(error)),
    }
    for event, watcher in watchers.items():
        tab.on(event, watcher)
    tab.goto(f"{base}verify/")
    tab.evaluate(SERVE, sent(common()))

    def judge(vector: Vector, **changed: bytes) -> dict[str, Any]:
        once = uuid4().hex
        around = surroundings(vector, tmp_path / once)
        files = sent(served(vector, around) | changed)
        return tab.evaluate(CHECK, [files, knows(vector, around), vector.digest, once])

    yield judge
    for event, watcher in watchers.items():
        tab.remove_listener(event, watcher)
    assert outside == []


def test_the_page_gives_every_vector_its_verdict(check):
    verdicts = {name: check(vector) for name, vector in VECTORS.items()}
    differing = {
        name: told
        for name, told in verdicts.items()
        if told["step"] != VECTORS[name].step
        or (told["good"] and set(told["rules"]) != VECTORS[name].flags)
        or told["good"] == bool(VECTORS[name].step)
        or (told["good"] and told["tier"] != VECTORS[name].tier)
    }
    assert differing == {}


@pytest.mark.parametrize("place", [[FOLDER, 0], [FOLDER, 0, []], [FOLDER, 0, ["queueing"]]])
def test_a_site_that_hides_flags_of_the_log_is_refused(check, place):
    vector = VECTORS["result that the log flagged"]
    shard = f"data/proofs/{vector.digest[:2]}.json"
    told = check(vector, **{shard: json.dumps({vector.digest: place}).encode()})
    assert (told["good"], told["step"]) == (False, "inclusion")


def test_a_site_that_makes_flags_up_is_refused(check):
    vector = VECTORS["result"]
    shard = f"data/proofs/{vector.digest[:2]}.json"
    place = [FOLDER, 1, ["queueing"]]
    told = check(vector, **{shard: json.dumps({vector.digest: place}).encode()})
    assert (told["good"], told["step"]) == (False, "inclusion")


@pytest.mark.parametrize(
    ("name", "differing"),
    [
        ("rates raised by a third", ["queueing"]),
        ("rates raised by a third, and flagged in the log for queueing", []),
        ("rates raised by a third, and flagged in the log for queueing, samples", []),
        ("rates raised by a third, and flagged in the log for roofline", ["roofline", "queueing"]),
    ],
)
def test_the_page_says_where_the_log_and_the_laws_differ(check, name, differing):
    assert check(VECTORS[name])["differing"] == differing


READ = """async (payloads) => {
  const [{ parsed }, { fault }] = await Promise.all(
    ["json", "schema"].map((name) => import(`../assets/fenmark/${name}.js`)),
  );
  const schema = await (await fetch("../schema/statement-v1.json")).json();
  return payloads.map((payload) => {
    try {
      const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
      return fault(parsed(bytes), schema) ?? "";
    } catch (error) {
      return error.message;
    }
  });
}"""
# Taken from the environment, to be run once at length.
EXAMPLES = int(os.environ.get("FENMARK_EXAMPLES", "1000"))
ODD = [
    None,
    True,
    0,
    -1,
    1.0,
    1.5,
    2**53 - 1,
    1e300,
    "",
    "x",
    "\u2028",
    "A" * 300,
    [],
    [1],
    {},
    {"a": 1},
]
BYTES = [
    b'"',
    b"\\",
    b"0",
    b"1.0",
    b"e9",
    b"-",
    b",",
    b"{",
    b"[",
    b"}",
    b"\0",
    b"\xff",
    b" ",
    b"\\u0041",
]


def changed(chance: Random) -> bytes:
    """A good payload with one value or a few bytes changed."""
    whole = json.loads(stated("predicate", "run", "options", to={"mark": [1, "x", 2.5]}))
    if chance.random() < 0.3:
        text = strict_json.canonical(whole)
        at = chance.randrange(len(text))
        return text[:at] + chance.choice(BYTES) + text[at + chance.randrange(3) :]
    inner: Any = whole
    while True:
        name = chance.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
        if not inner[name] or not isinstance(inner[name], dict | list) or chance.random() < 0.2:
            break
        inner = inner[name]
    match chance.randrange(4):
        case 0 if isinstance(inner, dict):
            inner[chance.choice(["mark", "", "catalog_id", "n" * 257])] = chance.choice(ODD)
        case 1:
            del inner[name]
        case _:
            alike = [value for value in ODD if type(value) is type(inner[name])]
            inner[name] = chance.choice(alike if alike and chance.random() < 0.6 else ODD)
    return strict_json.canonical(whole)


def fits(payload: bytes) -> bool:
    try:
        envelope.parse(payload, "x")
    except UserError:
        return False
    return True


def test_random_statements_are_read_alike(tab, serve, whole):
    chance = Random(7)
    payloads = [changed(chance) for _ in range(EXAMPLES)]
    tab.goto(f"{serve(whole)}verify/")
    faults = tab.evaluate(READ, [base64.b64encode(payload).decode() for payload in payloads])
    python = [fits(payload) for payload in payloads]
    assert EXAMPLES * 0.05 < sum(python) < EXAMPLES * 0.9  # else it would ask one question alone
    assert [
        (payload, told)
        for payload, told, good in zip(payloads, faults, python, strict=True)
        if good != (told == "")
    ] == []
