"""The description of a site's JSON files: each file by its schema, and no path without one."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = re.compile(r"\\{\w+\\}")


@pytest.fixture(scope="module")
def described(site: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((site / "data" / "openapi.json").read_text("utf-8"))
    return told


def by_path(site: Path, described: dict[str, Any]) -> dict[str, list[Path]]:
    """Files of each path; a name that is written out comes before a pattern."""
    order = sorted(described["paths"], key=lambda path: (path.count("{"), -len(path)))
    patterns = {path: re.compile(FORMAT.sub("[^/]+", re.escape(path))) for path in order}
    files: dict[str, list[Path]] = {path: [] for path in order}
    for file in site.rglob("*.json"):
        name = f"/{file.relative_to(site).as_posix()}"
        if not file.name.startswith(".") and name != "/data/openapi.json":
            path = next((path for path in order if patterns[path].fullmatch(name)), None)
            assert path, f"{name} is not described"
            files[path].append(file)
    return files


def test_every_file_is_described_and_is_as_it_is_described(site: Path, described: dict[str, Any]):
    for path, files in by_path(site, described).items():
        assert files or path == "/samples/{digest}.json", f"{path} describes no file"
        schema = described["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        validator = Draft202012Validator(
            {**schema["schema"], "components": described["components"]}
        )
        for file in files:
            fault = next(validator.iter_errors(json.loads(file.read_text("utf-8"))), None)
            assert fault is None, f"{file}: {fault.json_path}: {fault.message[:200]}"


def test_a_cell_that_lacks_its_evidence_is_not_as_described(described: dict[str, Any]):
    cell = described["components"]["schemas"]["Cell"]
    assert {"evidence", "value", "low", "high", "price_class", "percentile", "date", "id"} <= set(
        cell["required"]
    )


def test_it_is_an_openapi_document_that_pages_lead_to(site: Path, described: dict[str, Any]):
    assert described["openapi"].startswith("3.1.")
    assert described["servers"] == [{"url": "https://example.org/fenmark/"}]
    for path, item in described["paths"].items():
        named = {parameter["name"] for parameter in item["get"]["parameters"]}
        assert named == set(re.findall(r"{(\w+)}", path))
    for page in ("data/index.html", "zh/data/index.html", "llms.txt"):
        assert "data/openapi.json" in (site / page).read_text("utf-8")
