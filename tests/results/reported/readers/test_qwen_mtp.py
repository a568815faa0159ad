"""qwen38-mtp: a card's rate with the flag and without, and what a cap on its power does."""

from pathlib import Path

import pytest

from results.reported import import_file
from tests.results.reported.told import figures, of_text, reasons

TABLES = """## Community numbers
| Card | Baseline | With flag | n-max | Acceptance | Contributor |
|---|---|---|---|---|---|
| 2× RTX 5090 32GB (TP) | 61.4 | **135.0** | 4 | 0.38-0.87 | @a |
| RTX 5090 mobile 24GB | 10.5-11.1 | 50.9 | 2 | 0.79 | @b |
## Energy
| Cap | Draw | tok/s | Power saved | J/token |
|---|---|---|---|---|
| 600 W | 602 W | 162.1 | - | 3.71 |
| 400 W | 411 W | 132.8 | - | **3.90** |
"""


def test_a_card_gives_two_rates_and_a_cap_its_joules(tmp_path):
    file = of_text(tmp_path, TABLES, "tables.md")
    without, with_, mobile, capped = file.results
    assert file.source.kind == "qwen-mtp"
    assert (without.chip.catalog_id, without.chip.count) == ("rtx-5090", 2)
    assert figures(without) == {"decode_throughput": 61.4}
    assert figures(with_) == {"decode_throughput": 135.0}
    assert (without.labels["speculation"], with_.labels["speculation"]) == ("none", "mtp")
    assert with_.labels["draft_tokens"] == 4
    assert mobile.chip.catalog_id is None  # another chip than the desktop's
    # 602 W ÷ 162.1 tokens/s.
    assert figures(capped) == {
        "decode_throughput": 162.1, "power": 602.0, "energy_per_output_token": 3.71,
    }  # fmt: skip
    assert capped.labels["power_cap_w"] == 600.0
    scopes = {m.labels.get("scope") for m in capped.measurements if m.metric != "decode_throughput"}
    assert scopes == {"chip"}


def test_a_range_is_no_rate_and_joules_are_watts_over_rate(tmp_path):
    # 411 W ÷ 132.8 tokens/s are 3.09 J/token.
    assert reasons(of_text(tmp_path, TABLES, "tables.md")) == [
        "rate is not a number", "joules per token are not watts over rate",
    ]  # fmt: skip


def test_a_cap_is_of_the_card_that_the_files_heading_names(tmp_path):
    headed = TABLES.replace("## Energy", "# sweeps/rtx-5090.md\n## Energy")
    assert of_text(tmp_path, headed, "tables.md").results[-1].chip.catalog_id == "rtx-5090"
    several = TABLES.replace("## Energy", "# sweeps/multi-gpu.md\n## Energy")
    assert of_text(tmp_path, several, "tables.md").results[-1].chip.catalog_id is None


def test_the_published_sweep_is_a_curve_of_five_caps_with_the_flag_and_without():
    published = Path(__file__).parents[5] / "shared/data/field/qwen38-mtp_tables.md"
    if not published.exists():
        pytest.skip("the published tables are not here")
    results = import_file(None, published).results
    capped = [result for result in results if "power_cap_w" in result.labels]
    assert {run.chip.catalog_id for run in capped} == {"rtx-5090"}
    joules = {
        (run.labels["table"], run.labels["power_cap_w"]): figures(run)["energy_per_output_token"]
        for run in capped
    }
    assert len(joules) == 10
    assert {3.71, 3.09} <= set(joules.values())
