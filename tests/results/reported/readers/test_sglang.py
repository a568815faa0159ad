"""SGLang's line: rates and times as it wrote them."""

from tests.results.reported.told import figures, of_excerpt, of_text, reasons


def test_a_line_keeps_its_figures_and_its_load():
    file = of_excerpt("sglang.jsonl")
    (result,) = file.results
    told = figures(result)
    assert file.source.kind == "sglang"
    assert told["output_throughput"] == 957.162043188693
    assert told["input_throughput"] == 1477.0827846460556
    assert told["e2e/median"] == 1537.8948565048631
    assert told["itl/p95"] == 18.839622958330438
    load = {"rate": 5.0, "concurrency": 256, "isl": 302, "osl": 196, "dataset": "sharegpt"}
    assert load.items() <= result.labels.items()


def test_a_server_that_says_how_it_is_split_is_heard(tmp_path):
    row = {
        "output_throughput": 5.0, "mean_e2e_latency_ms": 7.0, "completed": 3, "concurrency": 1.7,
        "server_info": {"tp_size": 4, "speculative_algorithm": "EAGLE", "model_path": "some/model"},
    }  # fmt: skip
    (result,) = of_text(tmp_path, row).results
    assert result.model == "some/model"
    assert (result.labels["tensor_parallel"], result.labels["speculation"]) == (4, "EAGLE")
    assert "concurrency" not in result.labels  # a mean that was reached, not what was held


def test_no_answer_is_no_result(tmp_path):
    row = {"output_throughput": 0.0, "mean_e2e_latency_ms": 0.0, "completed": 0}
    assert reasons(of_text(tmp_path, row)) == ["no request was answered"]
