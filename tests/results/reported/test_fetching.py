"""Tables that do not ship are brought here from a folder or an address, and imported each."""

import http.server
import json
import shutil
import threading
from functools import partial
from pathlib import Path

import pytest

from results.reported.fetching import tables
from results.statement.reported import read_file
from suites.base.errors import UserError

EXCERPTS = Path(__file__).parents[2] / "excerpts"
GEMM = "gemm_h100_sxm.csv"


@pytest.fixture
def served(tmp_path):
    """A folder, and the address of a server of it."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_table_behind_an_address_is_fetched_imported_and_says_where_it_is_from(
    served, tmp_path, fenmark
):
    folder, url = served
    shutil.copy(EXCERPTS / GEMM, folder / GEMM)
    address = f"{url}/{GEMM}"
    done = fenmark("reported", "fetch", address, "--out", tmp_path / "out", "--json")
    [told] = json.loads(done.stdout)
    assert (done.returncode, told["kind"], told["refused"]) == (0, "aiconfigurator", 0)
    file = read_file(Path(told["written"]))
    assert file.source.origin == address
    assert len(file.results) == told["imported"] == told["rows"]
    assert (tmp_path / "out" / "files" / GEMM).read_bytes() == (EXCERPTS / GEMM).read_bytes()


def test_a_folder_is_read_however_deep_and_nothing_beside_its_tables(served, tmp_path):
    folder, _ = served
    for name in ("b/deep/x.csv", "a.parquet", ".git/y.csv", "notes.md", "link.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    (folder / "link.csv").unlink()
    (folder / "link.csv").symlink_to("/etc/hostname")
    paths = [Path(origin).relative_to(folder) for _, origin in tables(str(folder), tmp_path)]
    assert paths == [Path("a.parquet"), Path("b/deep/x.csv")]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/gone.csv", "answers 404"),
        ("/", "is not an address of a table"),
        ("/page.html", "is not an address of a table"),
        ("/..%2f..%2fx", "is not an address of a table"),
    ],
)
def test_what_cannot_be_had_is_one_line(served, tmp_path, path, told):
    with pytest.raises(UserError, match=told):
        tables(served[1] + path, tmp_path)


def test_an_address_names_no_file_outside_its_folder(served, tmp_path):
    folder, url = served
    (folder / "x.csv").write_text("a,b\n")
    [(path, _)] = tables(f"{url}/x.csv?y=/../../z.csv", tmp_path / "files")
    assert path == tmp_path / "files" / "x.csv"


def test_a_bad_source_hides_no_good_one(served, tmp_path, fenmark):
    folder, url = served
    shutil.copy(EXCERPTS / GEMM, folder / GEMM)
    (folder / "odd.csv").write_text("a,b\n1,2\n")
    out = tmp_path / "out"
    done = fenmark("reported", "fetch", f"{url}/gone.csv", folder, "--out", out, "--json")
    told = {Path(file["file"]).name: file["imported"] for file in json.loads(done.stdout)}
    assert (done.returncode, told["gone.csv"], told["odd.csv"]) == (2, 0, 0)
    assert told[GEMM] > 0
    assert len(done.stderr.splitlines()) == 2
