"""FlagPerf: tables in Chinese, whose units stand in the cells or are those of the table."""

import pytest

from tests.results.reported.told import figures, of_excerpt, of_text, reasons

CELL = {
    "section": "base", "case": "computation-BF16", "vendor": "ascend", "chip": "", "dtype": "",
    "table": "核心评测结果", "impl": "评测结果", "metric": "BF16算力测试值(8卡平均)",
    "value": "304.277", "file": "base/README.md",
}  # fmt: skip


def test_a_readme_gives_compute_and_power_of_its_chip():
    file = of_excerpt("flagperf_README.md")
    compute, power = file.results
    assert file.source.kind == "flagperf"
    assert figures(compute) == {"compute_rate": 304.277}
    assert (compute.chip.catalog_id, compute.labels["dtype"]) == ("ascend-910b", "BF16")
    assert figures(power) == {"power": 364.671}
    assert power.measurements[0].labels["scope"] == "chip"
    assert len(file.refused) == 13


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("BF16算力测试值(8卡平均)", "304.277", {"compute_rate": 304.277}),
        ("INT8算力测试值(8卡平均)", "608.554TFLOPS", {"integer_rate": 608.554}),
        ("INT8算力测试值(8卡平均)", "608.554", {"integer_rate": 608.554}),
        ("FP32算力测试值", "82,920GFLOPS", {"compute_rate": 82.92}),
        ("主存储带宽测试值(8卡平均)", "1.5TB/s", {"bandwidth": 1500.0}),
        ("系统平均功耗", "2.5kW", {"power": 2500.0}),
    ],
)
def test_a_cell_has_its_own_unit_or_that_of_its_table(tmp_path, column, value, told):
    (result,) = of_text(tmp_path, [CELL | {"metric": column, "value": value}]).results
    assert figures(result) == pytest.approx(told)
    assert result.chip.catalog_id == "ascend-910b"


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("主存储带宽测试值", "1500", "neither the cell nor its table has a unit"),
        ("BF16算力测试值", "60.32GiB(64.77GB)", "the cell is not a number"),
        ("BF16算力测试值", "3GB/s", "the cell has the unit GB/s"),
        ("BF16算力测试值", "/", "the cell is empty"),
        ("BF16算力标定值", "320TFLOPS", "column not taken over: BF16算力标定值"),
        ("BF16算力测试值", "-3", "the cell is negative"),
    ],
)
def test_what_cannot_be_understood_is_refused(tmp_path, column, value, reason):
    assert reasons(of_text(tmp_path, [CELL | {"metric": column, "value": value}])) == [reason]
