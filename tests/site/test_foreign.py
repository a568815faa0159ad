"""Archives are strangers' folders: of each is published what is understood, and nothing else."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from leaderboard.figures import plots
from leaderboard.read import archives
from results.archive import archive
from results.keys.identity import runner_id, runner_toml
from results.proof import envelope
from results.statement import strict_json
from tests.site.conftest import BASE_URL, MLPERF, SIGNER, accept, few_models, statement, unchecked

if TYPE_CHECKING:
    from pathlib import Path

    from markupsafe import Markup

    from leaderboard.figures.figures import BoardPoint
    from leaderboard.words import Words

SECRET = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n"
OTHER = CryptoSigner(Ed25519PrivateKey.from_private_bytes(b"8" * 32))
ADDRESS = ("--base-url", BASE_URL)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return accept(tmp_path / "results", statement(number=1), statement(number=2, chip="Other"))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_text(SECRET)
    return path


@pytest.fixture
def built(fenmark, begun, tmp_path):
    """Build a site of some archives; return the exit, the report and the files."""

    def run(*folders: Path) -> tuple[int, dict[str, Any], dict[str, bytes]]:
        named = [part for folder in folders for part in ("--results", folder)]
        with few_models():
            done = fenmark("site", *named, "--out", begun(tmp_path / "out"), *ADDRESS, "--json")
        assert "Traceback" not in done.stderr
        everything = [*(tmp_path / "out").rglob("*")]
        assert all(path.is_file() or path.is_dir() for path in everything)
        assert not any(path.is_symlink() for path in everything)
        files = {
            path.relative_to(tmp_path / "out").as_posix(): path.read_bytes()
            for path in everything
            if path.is_file()
        }
        return done.returncode, json.loads(done.stdout), files

    return run


def told(lines: list[list[str]]) -> dict[str, str]:
    return {file.rpartition("results/")[2]: why for file, why in lines}


def test_of_a_log_is_published_what_it_consists_of(built, home: Path, secret: Path):
    log = home / "log"
    (log / "evil.html").write_text("<script>window.hit=1</script>")
    (log / "tile" / "0" / "000.p" / "200").write_bytes(bytes(200 * 32))
    (log / "tile" / "entries" / "x001").mkdir()
    (log / "tile" / "entries" / "x001" / "000").write_text("<b>")
    (log / "key").symlink_to(secret)
    (log / "home").symlink_to(secret.parent)
    os.mkfifo(log / "pipe")
    os.link(secret, log / "hard")
    status, report, files = built(home)
    assert (status, report["results"], report["refused"]) == (0, 2, [])
    [name] = {path.split("/")[1] for path in files if path.startswith("logs/")}
    assert {path.removeprefix(f"logs/{name}/") for path in files if path.startswith("logs/")} == {
        "checkpoint",
        "tile/0/000.p/2",
        "tile/entries/000.p/2",
    }
    assert not any(b"PRIVATE KEY" in data for data in files.values())
    # Partial tiles of a smaller log, which every writer leaves behind, are not worth a word.
    assert told(report["left_out"]) == {
        **dict.fromkeys(("log/key", "log/home"), "is a link"),
        "log/pipe": "is not a plain file",
        **dict.fromkeys(
            ("log/evil.html", "log/hard", "log/tile/0/000.p/200", "log/tile/entries/x001/000"),
            "not part of a log of size 2",
        ),
    }


def test_the_terminal_names_and_counts_what_is_left_out_in_one_line_each(
    fenmark, begun, home, tmp_path
):
    for number in range(30):
        (home / "log" / f"\x1b[31m{number}\n.html").write_text("")
    with few_models():
        done = fenmark("site", "--results", home, "--out", begun(tmp_path / "out"), *ADDRESS)
    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if "left out" in line]
    assert len(lines) == 21
    assert "30 in all" in lines[-1]
    assert "\x1b" not in done.stdout


def test_a_log_that_is_reached_by_a_link_is_refused_and_hides_no_other(built, tmp_path: Path):
    linked = ["log", "log/tile", "log/tile/0/000.p", "log/tile/0/000.p/2"]
    folders = []
    for number, where in enumerate(linked):
        signer = CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
        made = [statement(number=10 * number + at, chip=f"Chip {at}") for at in range(2)]
        folder = unchecked(tmp_path / f"{number}" / "results", *made, signer=signer)
        (folder / where).rename(tmp_path / f"{number}" / "elsewhere")
        (folder / where).symlink_to(tmp_path / f"{number}" / "elsewhere")
        folders.append(folder)
    other = unchecked(tmp_path / "other", statement(number=99), signer=OTHER)
    status, report, files = built(*folders, other)
    assert (status, report["results"]) == (1, 1)
    whys = [why for _, why in report["refused"]]
    assert len(whys) == len(linked)
    assert all("is a link; 2 results beside it are not shown" in why for why in whys)
    assert {path.split("/")[1] for path in files if path.startswith("logs/")} == {
        runner_id(OTHER.public_key)
    }


def test_a_log_that_does_not_hold_is_refused_and_hides_no_other(built, home: Path, tmp_path: Path):
    (home / "log" / "tile" / "0" / "000.p" / "2").write_bytes(bytes(64))
    other = unchecked(tmp_path / "other", statement(number=3), signer=OTHER)
    status, report, _ = built(home, other)
    assert (status, report["results"]) == (1, 1)
    assert "tile does not match the entries" in told(report["refused"])["log"]


def test_of_two_logs_with_one_name_the_first_stands(built, home: Path, tmp_path: Path):
    other = accept(tmp_path / "other", statement(number=3))
    status, report, files = built(home, other)
    assert (status, report["results"]) == (1, 2)
    [[file, why]] = report["refused"]
    assert (file, "another log of the same name" in why) == (str(other / "log"), True)
    [note] = [data for path, data in files.items() if path.endswith("/checkpoint")]
    assert note == (home / "log" / "checkpoint").read_bytes()
    # The same log twice is one log.
    status, report, _ = built(home, home)
    assert (status, report["refused"]) == (0, [])


BROKEN_KEYS = (
    b"",
    b"\x00\xff",
    SECRET.encode(),
    b"x = " + b"[" * 20_000,
    b"x = " + b"9" * 10_000,
    runner_toml(OTHER.public_key).encode() + b'html = "<script>"\n',  # an unknown field
    b'id = "broken"\nkeytype = "ecdsa"\nscheme = "ecdsa-sha2-nistp256"\npublic_key = "x"\n',
    runner_toml(OTHER.public_key).encode(),  # of another name
)


def test_a_broken_key_file_is_named_and_hides_no_other(built, home: Path):
    names = [f"broken-{number}.toml" for number in range(len(BROKEN_KEYS))]
    for name, text in zip(names, BROKEN_KEYS, strict=True):
        (home / "runners" / name).write_bytes(text)
    status, report, files = built(home)
    assert (status, report["results"]) == (1, 2)
    assert sorted(told(report["refused"])) == [f"runners/{name}" for name in names]
    assert not any("broken" in path for path in files)


def test_a_key_file_is_written_again_from_what_it_means(built, home: Path, secret: Path):
    runners = home / "runners"
    [path] = runners.iterdir()
    text = path.read_text().replace('owner = ""', 'owner = "A\\u007fB"')
    path.write_text(f"# <script>alert(1)</script>\n{text}")
    (runners / "notes.html").write_text("<script>")
    (runners / "more").mkdir()
    (runners / "more" / "deep.toml").write_text(text)
    (runners / "linked.toml").symlink_to(secret)
    os.mkfifo(runners / "pipe.toml")
    status, report, files = built(home)
    assert (status, report["results"]) == (1, 2)
    assert told(report["refused"]) == {
        "runners/linked.toml": "is a link",
        "runners/pipe.toml": "is not a plain file",
    }
    assert set(told(report["left_out"])) == {"runners/notes.html", "runners/more/deep.toml"}
    [published] = [name for name in files if name.startswith("runners/keys/")]
    assert published == f"runners/keys/{path.name}"
    again = files[published].decode()
    assert "script" not in again
    assert archives.identity.read_runner(again, "again").owner == "A\x7fB"


def test_a_key_file_does_not_take_the_name_of_another_key(built, home: Path, tmp_path: Path):
    """Two archives, and in each a key file that bears the id of the first one's key."""
    other = unchecked(tmp_path / "other", statement(number=3), signer=OTHER)
    name = runner_id(SIGNER.public_key)
    [path] = (other / "runners").iterdir()
    again = path.read_text().replace(path.stem, name)
    (other / "runners" / f"{name}.toml").write_text(again)
    status, report, files = built(home, other)
    assert (status, report["results"]) == (1, 3)
    [why] = [why for _, why in report["refused"]]
    assert f"is named '{name}', its key '{runner_id(OTHER.public_key)}'" in why
    assert SIGNER.public_key.keyval["public"] in files[f"runners/keys/{name}.toml"].decode()


def test_an_archive_whose_keys_were_made_to_share_a_name_hides_no_other(
    built, home: Path, tmp_path: Path, monkeypatch
):
    other = unchecked(tmp_path / "other", statement(number=3), signer=OTHER)
    name, catalogue = runner_id(SIGNER.public_key), tmp_path / "catalogue"
    monkeypatch.setattr(archives.identity, "runner_id", lambda _: name)  # they meet
    monkeypatch.setattr(archives.identity, "REGISTERED", catalogue)
    monkeypatch.setattr(archive, "REGISTERED", catalogue)
    catalogue.mkdir()
    (catalogue / f"{name}.toml").write_text(runner_toml(SIGNER.public_key))
    [path] = (other / "runners").iterdir()
    path.write_text(runner_toml(OTHER.public_key))
    path.rename(path.with_name(f"{name}.toml"))
    status, report, files = built(other, home)
    assert (status, report["results"]) == (1, 2)
    assert "stands for two keys" in dict(report["refused"])[str(other)]
    assert SIGNER.public_key.keyval["public"] in files[f"runners/keys/{name}.toml"].decode()


def test_a_broken_envelope_is_named_and_hides_no_other(built, home: Path, secret: Path):
    (home / "linked.dsse.json").symlink_to(secret)
    (home / "garbage.dsse.json").write_text("{")
    os.mkfifo(home / "pipe.dsse.json")
    (home / "folder.dsse.json").mkdir()
    (home / "submissions").mkdir()
    [whole, *_] = archive.envelopes(home)
    (home / "submissions" / "copy.dsse.json").write_bytes(whole.read_bytes())
    status, report, files = built(home)
    assert (status, report["results"]) == (1, 2)
    reasons = told(report["refused"])
    assert reasons["linked.dsse.json"] == "cannot be read: is a link"
    assert reasons["pipe.dsse.json"] == "cannot be read: is not a plain file"
    assert len(reasons) == 4
    assert not any(b"PRIVATE KEY" in data for data in files.values())
    assert len([path for path in files if path.startswith("statements/")]) == 2


def test_submissions_that_are_a_link_are_refused(built, home: Path, tmp_path: Path):
    other = unchecked(tmp_path / "other", statement(number=3), signer=OTHER)
    (home / "submissions").symlink_to(other)
    status, report, _ = built(home)
    assert (status, report["results"]) == (1, 2)
    assert told(report["refused"]) == {"submissions": "is a link"}


def labelled(number: int, **labels: object) -> dict[str, Any]:
    """A statement that says something odd of each of its figures."""
    made = statement(number=number)
    for row in made["predicate"]["measurements"]:
        row["labels"] |= {name: value for name, value in labels.items() if name in row["labels"]}
    return made


def test_a_result_that_cannot_be_drawn_is_left_out(built, tmp_path: Path, monkeypatch):
    draw = plots.roofline

    def roofline(_: Words, points: list[BoardPoint], root: str) -> Markup | None:
        """Draw, with a bug that one result finds."""
        seeds = [point.result.predicate.run.seed for point in points]
        return draw(_, points, root) if all(1 / (seed - 3) for seed in seeds) else None

    monkeypatch.setattr(plots, "roofline", roofline)
    unforeseen = statement(number=3)
    unforeseen["predicate"]["run"]["seed"] = 3
    home = unchecked(tmp_path / "results", statement(number=1), labelled(2, isl=True), unforeseen)
    status, report, files = built(home)
    assert (status, report["results"]) == (1, 1)
    whys = sorted(why for _, why in report["refused"])
    assert len(whys) == 2
    assert any("cannot be drawn: ZeroDivisionError" in why for why in whys)
    assert len([path for path in files if path.startswith("statements/")]) == 1
    status, again, same = built(home)
    assert (status, again["refused"], again["written"]) == (1, report["refused"], 0)
    assert same == files


def test_an_intensity_that_nothing_has_is_not_drawn(built, tmp_path: Path):
    home = unchecked(tmp_path / "results", labelled(1, intensity_flop_per_byte=5e-324))
    status, report, _ = built(home)
    assert (status, report["results"]) == (0, 1)


def test_a_confirmation_with_odd_figures_does_not_stop_the_build(built, tmp_path: Path):
    first, again = statement(number=1), statement(number=2)
    for row in first["predicate"]["measurements"]:
        row |= {"value": 1e150, "low": 1e-150, "high": 1e150}
    for row in again["predicate"]["measurements"]:
        row |= {"value": 5e-324, "low": 5e-324, "high": 1e150}
    digest = envelope.digest(envelope.sign(strict_json.canonical(first), SIGNER))
    again["predicate"]["run"]["reproduces"] = digest
    home = unchecked(tmp_path / "results", first, again)
    status, report, _ = built(home)
    assert (status, report["results"]) == (0, 2)


def test_no_model_takes_a_file_of_another_or_of_the_site(built, tmp_path: Path):
    names = ["foo!", "index", "index.html", "x", "x.digests", "@@content@@", "a/../../b", "A", "a"]
    names.append(archives.slug("foo!"))
    home = unchecked(
        tmp_path / "results", *(statement(number=n, model=name) for n, name in enumerate(names))
    )
    status, report, files = built(home)
    assert (status, report["results"]) == (0, len(names))
    index = json.loads(files["data/board/index.json"])
    shown = {model["id"]: model["name"] for model in index["models"]}
    assert sorted(shown.values()) == sorted(names)
    for model, name in shown.items():
        columns = json.loads(files[f"data/board/{model}.json"])
        digests = json.loads(files[f"data/board/{model}.digests.json"])
        assert columns["strings"]["model"]["values"] == [name]
        assert len(digests) == columns["rows"]
        page = files[f"models/{model}/index.html"].decode()
        assert page.count("<main") == page.count("<h1>") == 1
        assert page.index("<main") < page.index("<h1>")


def test_a_stranger_cannot_name_a_chip_of_the_catalogue_by_its_id_alone(built, tmp_path: Path):
    home = unchecked(
        tmp_path / "results",
        statement(number=1, chip="Mine", catalog_id="index.html"),
        statement(number=2, chip="Mine", catalog_id="unlisted-other"),
        statement(number=3, chip="other"),
    )
    status, report, files = built(home)
    assert (status, report["results"]) == (0, 3)
    chips = {path.split("/")[1] for path in files if path.startswith("chips/unlisted-")}
    assert chips == {archives.slug("Mine").join(("unlisted-", "")), "unlisted-other"}


def test_a_site_is_not_built_where_results_lie(fenmark, home: Path, tmp_path: Path):
    before = sorted(home.rglob("*"))
    for out in (home, tmp_path, home / "log" / "site", home / "log" / ".." / "runners"):
        done = fenmark("site", "--results", home, "--out", out)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "archive" in done.stderr
    assert sorted(home.rglob("*")) == before


def test_what_came_with_a_site_is_neither_written_through_nor_believed(
    fenmark, home: Path, tmp_path: Path
):
    out, outside = tmp_path / "site" / "out", tmp_path / "outside"
    out.mkdir(parents=True)
    outside.mkdir()
    (outside / "precious").write_text("years of work")
    (out / ".fenmark-site.json").write_text(json.dumps({"../../outside/precious": ["0" * 64]}))
    (out / "index.html").symlink_to(outside / "precious")
    (out / ".404.html.partial").symlink_to(outside / "precious")
    with few_models():
        assert fenmark("site", "--results", home, "--out", out, *ADDRESS).returncode == 0
    assert (outside / "precious").read_text() == "years of work"
    assert not (out / "index.html").is_symlink()
    (out / "badges").rename(out / "gone")
    (out / "badges").symlink_to(outside)
    done = fenmark("site", "--results", home, "--out", out)
    assert (done.returncode, "is a link to a folder" in done.stderr) == (2, True)
    assert [path.name for path in outside.iterdir()] == ["precious"]


def test_a_reported_file_that_cannot_be_drawn_is_named_and_hides_no_other(
    fenmark, built, home: Path
):
    (home / "rows.json").write_text(json.dumps(MLPERF))
    done = fenmark("import", home / "rows.json", "--out", home)
    assert done.returncode == 0, done.stderr
    [path] = home.glob("*.reported.json")
    whole = json.loads(path.read_text())

    def also(name: str, value: object) -> None:
        (home / f"{name}.reported.json").write_text(json.dumps(value))

    also("garbage", {})
    also("kind", {**whole, "source": {**whole["source"], "kind": "../../x", "file": "a"}})
    strange = json.loads(path.read_text())
    strange["results"][0]["measurements"][0]["metric"] = "beauty"
    also("metric", strange)
    vast = json.loads(path.read_text())
    vast["results"][0]["measurements"][0]["value"] = 1e300
    also("vast", vast)
    os.mkfifo(home / "pipe.reported.json")
    status, report, _ = built(home)
    assert (status, report["results"], report["reported"]) == (1, 2, len(whole["results"]))
    assert set(told(report["refused"])) == {
        f"{name}.reported.json" for name in ("garbage", "kind", "metric", "vast", "pipe")
    }
