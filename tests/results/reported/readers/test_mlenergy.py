"""ML.ENERGY: models of text, images and video, energy of the GPUs alone."""

import pytest

from tests.results.reported.told import figures, of_excerpt, of_text, reasons

IMAGE = {
    "task": "text-to-image", "architecture": "diffusion",
    "configurations": [{
        "model_id": "some/diffuser", "gpu_model": "H100", "num_gpus": 2, "batch_size": 4,
        "batch_latency_s": 8.0, "energy_per_image_joules": 2000.0,
        "throughput_images_per_sec": 0.5, "image_height": 1024, "image_width": 1024,
        "inference_steps": 28, "ulysses_degree": 2, "weight_precision": "bfloat16",
    }],
}  # fmt: skip


def test_a_model_s_file_gives_a_row_for_each_configuration():
    file = of_excerpt("mlenergy_model.json")
    result = file.results[0]
    assert (file.source.kind, len(file.results)) == ("mlenergy", 3)
    assert (result.chip.catalog_id, result.model) == ("b200-sxm", "Qwen/Qwen3-8B")
    told = figures(result)
    assert told["output_throughput"] == 1501.7330327791929
    assert told["itl/p95"] == 8.840273588430135
    assert told["energy_per_output_token"] == 0.43039510958494537
    # 646.3 W over 1,501.7 tokens/s.
    assert told["power"] / told["output_throughput"] == pytest.approx(
        told["energy_per_output_token"], rel=1e-3
    )
    assert {"concurrency": 8, "osl": 639, "tensor_parallel": 1}.items() <= result.labels.items()
    scopes = {m.labels.get("scope") for m in result.measurements if m.unit in {"W", "J/token"}}
    assert scopes == {"chip"}


def test_images_and_videos_have_an_energy_of_their_own(tmp_path):
    (result,) = of_text(tmp_path, IMAGE).results
    assert figures(result) == {
        "request_throughput": 0.5, "e2e": 8000.0, "energy_per_image": 2000.0,
    }  # fmt: skip
    assert {"batch": 4, "inference_steps": 28, "image_height": 1024}.items() <= (
        result.labels.items()
    )
    video = IMAGE["configurations"][0] | {"energy_per_video_joules": 5e4}
    del video["energy_per_image_joules"]
    (result,) = of_text(tmp_path, IMAGE | {"configurations": [video]}).results
    assert figures(result)["energy_per_video"] == 5e4


@pytest.mark.parametrize("chips", [1e10, 0.2, -1, 0, None])
def test_a_number_of_gpus_that_is_none_is_refused(tmp_path, chips):
    row = IMAGE["configurations"][0] | {"num_gpus": chips}
    assert "num_gpus" in reasons(of_text(tmp_path, IMAGE | {"configurations": [row]}))[0]
