"""Where a rate stands: beside chips that ran a model as large at the same concurrency."""

import json

import pytest

from results.reported import import_file, standing
from results.reported.per_chip import per_chip
from results.reported.standing import ModelStanding

POINT = {
    "gpu_model": "H100", "model_id": "some/model", "task": "chat", "num_gpus": 2,
    "output_throughput_tokens_per_sec": 200.0, "avg_power_watts": 900.0,
    "energy_per_token_joules": 4.5, "median_itl_ms": 20.0,
    "total_params_billions": 10, "activated_params_billions": 4, "max_num_seqs": 8,
}  # fmt: skip


@pytest.fixture
def table(tmp_path):
    rows = [
        POINT,
        POINT | {"output_throughput_tokens_per_sec": 300.0, "num_gpus": 1, "task": "gpqa"},
        POINT | {"gpu_model": "B200", "output_throughput_tokens_per_sec": 900.0},
        POINT | {"gpu_model": "B200", "max_num_seqs": 16},
        POINT | {"gpu_model": "Abacus"},
    ]
    (tmp_path / "points.json").write_text(json.dumps(rows))
    imported = import_file("mlenergy", tmp_path / "points.json")
    (tmp_path / "per_chip.json").write_bytes(per_chip([imported]))
    return tmp_path / "per_chip.json"


@pytest.mark.parametrize(
    ("rate", "sizes", "streams", "place"),
    [
        (350.0, (10e9, 4e9), 8, 2),
        (299.0, (12e9, 4.9e9), 8, 3),
        (500.0, (8.1e9, 3.3e9), 8, 1),
        (350.0, (13e9, 4e9), 8, None),
        (350.0, (10e9, 10e9), 8, None),
        (350.0, (10e9, 4e9), 32, None),
    ],
)
def test_a_rate_stands_among_models_as_large_at_its_concurrency(table, rate, sizes, streams, place):
    stands = standing.standing(
        rate, parameters=sizes[0], active_parameters=sizes[1], concurrency=streams, table=table
    )
    # 300 tokens/s of one H100 beat the 100 each of two; 900 of two B200 are 450 each.
    ends = {"slowest": ("h100-sxm", 300.0), "fastest": ("b200-sxm", 450.0)}
    assert stands == (place and ModelStanding(place=place, chips=2, **ends))
