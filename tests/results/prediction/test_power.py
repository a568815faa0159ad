"""Power from how busy a chip is."""

import math

import pytest

from results.prediction.power import Busy, PowerFit, busy_of, fit_power, power_of, read_busy
from suites import models

TRUE = (0.1, 1.0, 1.0, 0.5, 0.2, 0.05)


def busy(
    model="m", chip="h200-sxm", memory=0.5, arithmetic=0.04, chips=1, batch=math.e, share=None
):
    return Busy(
        model=model, chip=chip, memory=memory, arithmetic=arithmetic, chips=chips, batch=batch,
        share=share,
    )  # fmt: skip


def test_power_is_the_nameplate_times_a_share_that_saturates():
    made = power_of(PowerFit((0.1, 1, 1, 1, 1, 0.1), 0.1, 1.25), busy(), 100.0)
    # 0.1 + 0.5 + √0.04 + 0.04 + 0 + 0.1·ln e
    watts = 700 * (1 - math.exp(-0.94))
    assert made.watts == pytest.approx((watts, watts / 1.25, min(700, watts * 1.25)))
    assert made.joules_per_token == pytest.approx(tuple(own / 100 for own in made.watts))


def test_without_a_nameplate_nothing_is_said():
    assert power_of(PowerFit(TRUE, 0.1, 1.2), busy(chip="sunrise-s2"), 1.0) is None


def test_coefficients_that_made_the_rows_are_found_again():
    rows = []
    for model in "abcd":
        for step in range(1, 30):
            memory, arithmetic = (step * 7 % 10) / 10, (step * step % 29) / 60
            bare = busy(model, memory=memory, arithmetic=arithmetic, chips=1 + step % 2, batch=step)
            exponent = sum(c * x for c, x in zip(TRUE, bare.basis(), strict=True))
            rows.append(busy(model, memory=memory, arithmetic=arithmetic, chips=1 + step % 2,
                             batch=step, share=1 - math.exp(-exponent)))  # fmt: skip
    fitted = fit_power(rows)
    assert fitted.coefficients == pytest.approx(TRUE, abs=0.05)
    assert fitted.error < 0.01
    assert 1 <= fitted.spread < 1.02


def test_power_near_the_nameplate_counts_by_what_is_expected_of_it():
    shares = (0.9 * 1.08, 0.9 / 1.08)
    rows = [busy(model, share=shares[place % 2]) for place in range(8) for model in "ab"]
    made = power_of(fit_power(rows), busy(), 1.0)
    # The middle of the two in logarithms, though the higher one's exponent is far less certain.
    assert made.watts[0] == pytest.approx(700 * 0.9, rel=0.01)


def test_a_step_uses_shares_of_bandwidth_and_peak():
    geometry = models.load("llama-3.1-8b")
    made = busy_of(geometry, "h200-sxm", ("bf16", 1.0, 1.0), 10.0, 100.0)
    moved = geometry.decode_min_bytes(100, 1, routing="uniform")
    assert made.memory == pytest.approx(moved / 4.8e12 / 0.010)
    assert made.arithmetic == pytest.approx(geometry.decode_flops(100) / 989.4e12 / 0.010, rel=0.01)


def test_measured_rows_are_read_where_model_and_task_are_known(tmp_path):
    columns = (
        "model_id,gpu_model,weight_precision,task,num_gpus,avg_batch_size,avg_output_len,"
        "output_throughput_tokens_per_sec,avg_power_watts"
    )
    rows = [
        "Qwen/Qwen3-8B,H100,bfloat16,gpqa,1,32,2000,1600,420",
        "Qwen/Qwen3-8B,H100,bfloat16,image-chat,1,32,2000,1600,420",
        "who/knows,H100,bfloat16,gpqa,1,32,2000,1600,420",
    ]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([columns, *rows]))
    (row,) = read_busy(path)
    assert (row.model, row.chip, row.batch) == ("qwen3-8b", "h100-sxm", 32)
    assert row.share == pytest.approx(420 / 700)
