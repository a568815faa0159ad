"""The physical floor: golden values by hand, and laws a lower bound must keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results import catalog
from results.economy import costs, economics
from results.economy.floor import floor, sockets, work_per_token
from results.statement.precision import served
from suites import models
from suites.base.records import Row

GEOMETRY = models.load("llama-3.1-8b")
BF16 = served("llama-3.1-8b", "bf16")
H100 = catalog.chips()["h100-sxm"]


def row(metric, value=100.0, **labels):
    return Row(
        suite="inference",
        case="c",
        metric=metric,
        unit="tokens/s",
        value=value,
        low=None,
        high=None,
        n=1,
        method="measured",
        labels=labels,
    )


def joules(measured):
    return floor(measured, BF16, H100, 1).joules_per_token


def test_one_decoded_token_waits_for_the_weights():
    # 8.03 B weights less the embedding (525 M) at 2 B over 3.35 TB/s are 4.5 ms, at 700 W 3.1 J.
    per_token = joules(row("decode_throughput", batch=1, context=1))
    assert per_token == pytest.approx((8.03e9 - 0.525e9) * 2 / 3.35e12 * 700, rel=0.01)


def test_a_long_prompt_is_bound_by_compute():
    # 2 FLOP a weight of the layers (6.98 B), and attention, over 989.4 TFLOP/s at 700 W.
    per_token = joules(row("prefill_throughput", isl=8192))
    weights = 2 * 6.98e9 / 989.4e12 * 700
    assert weights < per_token < 1.4 * weights


def test_serving_pays_for_the_prompt_and_each_step_after_the_first_token():
    work = work_per_token(row("output_throughput", isl=100, osl=11, concurrency=4), BF16)
    steps = GEOMETRY.decode_flops(105) * 10
    assert work.flops == pytest.approx((GEOMETRY.prefill_flops(100) + steps) / 11)


@given(st.integers(1, 512), st.integers(1, 100_000))
def test_what_a_row_does_not_say_only_lowers_the_floor(batch, context):
    told = joules(row("decode_throughput", batch=batch, context=context))
    assert joules(row("decode_throughput", context=context)) <= told
    assert joules(row("decode_throughput", batch=batch)) <= told


@given(st.sampled_from(["prefill_throughput", "decode_throughput", "output_throughput"]))
def test_the_floor_does_not_depend_on_the_speed_or_the_number_of_chips(metric):
    labels = {"isl": 512, "osl": 64, "batch": 2, "context": 512, "concurrency": 2}
    slow, fast = row(metric, 1.0, **labels), row(metric, 1e6, **labels)
    assert joules(slow) == joules(fast)
    assert floor(slow, BF16, H100, 8).joules_per_token == pytest.approx(joules(slow))


def test_narrow_weights_may_be_computed_in_wider_types_but_never_the_reverse():
    prompt = row("prefill_throughput", isl=65536)
    narrow = floor(prompt, served("llama-3.1-8b", "fp8"), H100, 1).joules_per_token
    assert narrow == pytest.approx(joules(prompt) * 989.4 / 1979)


@pytest.mark.parametrize(
    ("chip", "method"),
    [
        ("h100-sxm", "datasheet roofline at nameplate power"),
        ("epyc-9004", "datasheet bandwidth alone at nameplate power"),
        ("ascend-910b", "datasheet peak alone at nameplate power"),
    ],
)
def test_the_method_says_which_side_of_the_roofline_is_known(chip, method):
    lowest = floor(row("decode_throughput", batch=1), BF16, catalog.chips()[chip], 2)
    assert lowest.method == method


@pytest.mark.parametrize("chip", ["sunrise-s3", "gb200-nvl72"])
def test_a_chip_without_figures_and_a_whole_system_have_no_floor(chip):
    assert floor(row("decode_throughput"), BF16, catalog.chips()[chip], 1) is None


@pytest.mark.parametrize("label", ["many", True, 0, -1, float("nan"), 1e300])
def test_a_label_that_is_no_count_is_left_out(label):
    assert joules(row("decode_throughput", batch=label)) == joules(row("decode_throughput"))


def test_a_cost_row_has_the_floor_in_kwh_dollars_and_fens():
    sheet = catalog.latest_prices()
    [cost] = costs.cost_rows(
        [row("decode_throughput", batch=1, context=1)],
        chip="h100-sxm",
        count=1,
        sheet=sheet,
        served=BF16,
    )
    kwh = economics.kwh_per_mtok(joules(row("decode_throughput", batch=1, context=1)))
    assert cost.floor_kwh == pytest.approx(kwh)
    assert cost.floor_usd == pytest.approx(kwh * sheet.pue.value * sheet.usd_per_kwh)
    assert cost.floor_fen == pytest.approx(cost.floor_usd * sheet.cny_per_usd.value * 100)


@pytest.mark.parametrize(
    ("name", "precision", "geometry", "bits"),
    [
        ("qwen2.5-0.5b", "q8_0", "qwen2.5-0.5b", 8),
        ("dsr1", "fp4", "deepseek-v3", 4),
        ("deepseek-ai/DeepSeek-R1-0528", "fp8", "deepseek-v3", 8),
        ("openai/gpt-oss-120b", "mxfp4", "gpt-oss-120b", 4),
        ("meta-llama/Llama-3.3-70B-Instruct", "bfloat16", "llama-3.1-70b", 16),
        ("llama3.1-8b-edge", "UINT4", "llama-3.1-8b", 4),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "bfloat16", "qwen3-30b-a3b", 16),
    ],
)
def test_a_published_name_finds_its_geometry(name, precision, geometry, bits):
    model = served(name, precision)
    assert (model.geometry.id, model.bits) == (geometry, bits)


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("llama2-70b-99", "fp8"),
        ("Qwen/Qwen3-VL-30B-A3B-Instruct", "bfloat16"),
        ("llama3_1-405b_pruned", "mxfp4"),
        ("llama-3.1-8b", "UNSET"),
        ("llama-3.1-8b", None),
        (None, "fp8"),
    ],
)
def test_an_unknown_model_or_precision_is_not_guessed(name, precision):
    assert served(name, precision) is None


FP8 = served("llama-3.1-8b", "fp8")
# 32 layers of 218.1 M weights and a head of 525 M; a token's cache is 32 x 2 x 8 x 128 values.
WEIGHTS, CACHE = 32 * 218_103_808 + 525_336_576, 32 * 2 * 8 * 128


@pytest.mark.parametrize(("what", "width"), [(BF16, 2), (FP8, 1)])
def test_a_step_reads_the_weights_for_its_batch_and_each_sequence_its_cache(what, width):
    work = work_per_token(row("decode_throughput", batch=4, context=1000), what)
    assert work.read_bytes == pytest.approx((WEIGHTS / 4 + 1000 * CACHE) * width, rel=1e-4)
    assert work.flops == GEOMETRY.decode_flops(1000)
    # Of an unknown batch, the cache alone; of an unknown context, one token of it.
    alone = work_per_token(row("decode_throughput"), what)
    assert alone.read_bytes == CACHE * width


@pytest.mark.parametrize(("isl", "tokens"), [(512, 512), (None, 1)])
def test_a_prompt_reads_the_weights_once(isl, tokens):
    work = work_per_token(row("prefill_throughput", isl=isl), FP8)
    once = GEOMETRY.decode_min_bytes(1, 1, bits_per_parameter=8, kv_dtype_bytes=1)
    assert work.read_bytes == once / tokens
    assert work.flops == GEOMETRY.prefill_flops(tokens) / tokens


def test_an_answer_reads_what_its_steps_read():
    work = work_per_token(row("output_throughput", isl=100, osl=11, concurrency=4), BF16)
    assert work.read_bytes == pytest.approx((WEIGHTS / 4 + 105 * CACHE) * 2 * 10 / 11, rel=1e-4)


@pytest.mark.parametrize(
    ("labels", "flops"),
    [
        ({}, GEOMETRY.decode_flops(1)),
        ({"isl": 100}, GEOMETRY.decode_flops(100)),
        ({"osl": 11}, GEOMETRY.decode_flops(6) * 10 / 11),
    ],
)
def test_a_prompt_or_an_answer_of_unknown_length_costs_nothing(labels, flops):
    assert work_per_token(row("output_throughput", **labels), BF16).flops == pytest.approx(flops)


def test_cores_compute_as_whole_sockets_and_draw_as_themselves():
    # 17 cores lie on two sockets of 460.8 GB/s, and draw 320 W ÷ 16 each at most.
    genoa = catalog.chips()["epyc-9004"]
    work = work_per_token(row("decode_throughput", batch=1), BF16)
    lowest = floor(row("decode_throughput", batch=1), BF16, genoa, 17)
    assert lowest.joules_per_token == pytest.approx(work.read_bytes / (2 * 460.8e9) * 17 * 20)


def test_cores_of_a_part_of_known_size_lie_on_as_few_sockets_as_it_says():
    genoa = catalog.chips()["epyc-9004"]
    assert [sockets(genoa, cores) for cores in (1, 16, 17, 32, 33)] == [1, 1, 2, 2, 3]
    assert sockets(catalog.chips()["epyc-9755"], 256) == 1
