"""`fenmark reference --quality`: what trusted weights answer, as a file others check against."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from runners.cli import main
from suites.client import subject
from suites.client.target import Target
from tests.runners.commands.test_quality import serving


@pytest.fixture
def reference(monkeypatch, tmp_path, capsys):
    """Run the verb on an engine that is a server of ours, with weights "w"."""

    def run(*options: object, answer: str = "42") -> tuple[int, str, str]:
        @contextmanager
        def engine(_spec, **_sizes):
            description = {"weights_sha256": "ab" * 32, "name": "engine", "version": "1"}
            with serving(lambda _: answer) as url:
                yield SimpleNamespace(target=Target(url=url, model="m"), engine=description)

        monkeypatch.setattr(subject, "subject", engine)
        monkeypatch.setattr(subject, "subject_spec", lambda _: {"model": "m"})
        monkeypatch.setenv("FENMARK_HOME", str(tmp_path))
        line = ["fenmark", "reference", "--weights", "w", *map(str, options)]
        monkeypatch.setattr(sys, "argv", line)
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_ids_and_log_probabilities_are_written_beside_the_right_answers(reference, tmp_path):
    file = tmp_path / "m.json"
    code, out, err = reference("--quality", file, "--count", 22, "--places", 5)
    assert (code, err) == (0, "")
    made = json.loads(file.read_text())
    assert (made["weights"], len(made["places"]), len(made["ids"])) == ("ab" * 32, 5, 10)
    assert sum(asked for _, asked in made["right"].values()) == 22
    for place in made["places"]:
        assert len(place["logprobs"]) == 10
        assert place["greedy"][0] == max(place["logprobs"], key=place["logprobs"].get)
    assert "of 22 right, 5 places, 10 token ids" in out
    assert list((tmp_path / "references").iterdir())  # that of the gate too


def test_a_file_that_is_there_is_left_alone(reference, tmp_path):
    file = tmp_path / "m.json"
    file.write_text("mine")
    code, _, err = reference("--quality", file)
    assert code == 2
    assert "is there already" in err
    assert file.read_text() == "mine"
