"""`fenmark model`, and the verbs that take a model's file."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from runners import cli

LLAMA_8B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_hidden_layers": 32,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}


def fenmark(*arguments):
    return CliRunner().invoke(cli.app(), [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text(json.dumps(LLAMA_8B))
    return tmp_path / "mine"


def test_a_folder_is_shown_as_scripts_want_it(folder):
    shown = json.loads(fenmark("model", "show", folder, "--json", "--context", 1024).stdout)
    assert (shown["name"], shown["architecture"]) == ("mine", "llama")
    assert shown["parameters"] == 8_030_261_248
    assert shown["kv_bytes_per_token"] == 32 * 2 * 8 * 128 * 2
    # As in the tests of geometry: 15.5 GFLOP at 1,024 tokens.
    assert shown["flops_per_token"] == 15_546_187_776
    assert shown["bits_per_weight"] == 16
    assert shown["layers"] == {"gqa + dense": 32}
    assert fenmark("model", "show", folder / "config.json", "--json").exit_code == 0


def test_a_model_that_ships_is_shown_to_people():
    output = fenmark("model", "show", "gpt-oss-20b").stdout
    assert "20,914,757,184" in output
    assert "mxfp4, 5.26 bits a weight, 13.76 GB" in output
    assert "12 x gqa window 128 + experts 4 of 32" in output


def test_the_list_is_what_ships():
    listed = json.loads(fenmark("model", "list", "--json").stdout)
    assert {"id": "qwen2.5-0.5b", "parameters": 494_032_768} in listed
    assert listed == sorted(listed, key=lambda item: item["parameters"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[1, 2]", "is not a JSON object"),
        (json.dumps({**LLAMA_8B, "num_hidden_layers": 10**9}), "num_hidden_layers"),
        (json.dumps({**LLAMA_8B, "model_type": "retnet"}), "'retnet', an architecture that is not"),
        (json.dumps({**LLAMA_8B, "model_type": "\x1b[31mred"}), "an architecture that is not"),
        ('{"a": ' * 3000, "nested too deeply"),
    ],
)
def test_what_is_not_expressed_is_one_line(tmp_path, monkeypatch, capsys, text, complaint):
    (tmp_path / "config.json").write_text(text)
    monkeypatch.setattr("sys.argv", ["fenmark", "model", "show", str(tmp_path / "config.json")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    message = capsys.readouterr().err
    assert ended.value.code == 2
    assert complaint in message
    assert message.count("\n") == 1
    assert "\x1b" not in message
