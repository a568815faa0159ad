"""club-3090: two prompts a cell, by the wall clock or after the first token, as the cell says."""

import pytest

from tests.results.reported.told import figures, of_text, reasons

TABLE = """## Dual
| Compose | Rig | KV | Narr / Code TPS | Date |
| --- | --- | --- | ---: | --- |
| `a.yml` | {rig} | fp8 | {cell} | 2026-05-30 |
"""
RIG = "@somebody (2× 3090 PCIe, 230 W cap)"


def read(tmp_path, cell, rig=RIG):
    return of_text(tmp_path, TABLE.format(rig=rig, cell=cell), "tables.md")


@pytest.mark.parametrize(
    ("cell", "prose", "code"),
    [
        ("69 / 89", {"output_throughput": 69.0}, {"output_throughput": 89.0}),
        (
            "**69.8 / 89.8** (decode 70.6 / 92.0; n=10)",
            {"output_throughput": 69.8, "decode_throughput": 70.6},
            {"output_throughput": 89.8, "decode_throughput": 92.0},
        ),
        (
            "**50.27 / 58.92** (decode, n=3; wall 49.69 / 57.50)",
            {"decode_throughput": 50.27, "output_throughput": 49.69},
            {"decode_throughput": 58.92, "output_throughput": 57.5},
        ),
    ],
)
def test_each_prompt_of_a_cell_is_a_row(tmp_path, cell, prose, code):
    file = read(tmp_path, cell)
    first, second = file.results
    assert file.source.kind == "club-3090"
    assert (figures(first), figures(second)) == (prose, code)
    assert (first.chip.name, first.chip.count) == ("RTX 3090", 2)
    kept = {"power_cap_w": 230.0, "kv_cache": "fp8", "prompt": "prose", "concurrency": 1}
    assert kept.items() <= first.labels.items()


@pytest.mark.parametrize(
    "cell", ["TBD", "~32 / ~33", "58 / 76 per-stream (269 TPS aggregate)", "fp8 59 / 76 vs int8 1"]
)
def test_a_cell_that_says_something_else_is_refused(tmp_path, cell):
    assert reasons(read(tmp_path, cell)) == ["the cell is not two rates of one stream"] * 2


@pytest.mark.parametrize("rig", ["(RTX 5090 + RTX 3090 Ti)", "(1× 3090 + 1× 4090)", "(same rig)"])
def test_a_rig_of_two_kinds_or_none_has_no_chip(tmp_path, rig):
    result = read(tmp_path, "1 / 2", rig).results[0]
    assert (result.chip.catalog_id, result.chip.count) == (None, None)
