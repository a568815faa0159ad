"""Traces as their publishers give them, recognised from the file."""

from __future__ import annotations

import json

import pytest

from suites.base.errors import UserError
from suites.client.prompts import Conversations
from suites.client.target import Target
from suites.serving import plan
from suites.serving.load.point import Point
from suites.serving.load.trace import read_trace

# In the form of github.com/kvcache-ai/Mooncake, the first line as published.
MOONCAKE = """\
{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]}
{"timestamp": 3052, "input_length": 1100, "output_length": 1, "hash_ids": [0, 1, 20]}
{"timestamp": 1500, "input_length": 600, "output_length": 7, "hash_ids": [30, 1]}
{"timestamp": 4000, "input_length": 600, "output_length": 0, "hash_ids": [40, 41]}
"""  # noqa: E501
# github.com/Azure/AzurePublicDataset and github.com/HPMLL/BurstGPT.
AZURE = """\
TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
"""
AZURE_LATER = AZURE.replace("6805900,", "680590+00:00,").replace("9951690,", "995169+00:00,")
BURSTGPT = """\
Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
5,1,3.1,ChatGPT,472,18,490,Conversation log
45,1,4.0,GPT-4,1087,230,1317,Conversation log
118,2,0.2,GPT-4,417,0,417,API log
121,3,0.9,ChatGPT,2,1,3,API log
"""


def read(tmp_path, text):
    path = tmp_path / "public.txt"
    path.write_text(text)
    return path, read_trace(path).turns


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        (MOONCAKE, [(0, 6758, 500), (1.5, 600, 7), (3.052, 1100, 2)]),
        (AZURE, [(0, 374, 44), (4.314579, 396, 109)]),
        (AZURE_LATER, [(0, 374, 44), (4.314579, 396, 109)]),
        (AZURE.replace("\n", "\r\n"), [(0, 374, 44), (4.314579, 396, 109)]),
        (BURSTGPT, [(0, 472, 18), (40, 1087, 230), (116, 5, 2)]),
    ],
)
def test_a_public_trace_is_read_as_it_is(tmp_path, text, turns):
    _, timeline = read(tmp_path, text)
    assert [turn[1:3] for turn in timeline] == [turn[1:] for turn in turns]
    assert [turn.arrival_s for turn in timeline] == pytest.approx(
        [turn[0] for turn in turns], abs=2e-6
    )
    assert len({turn.session for turn in timeline}) == len(timeline)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (MOONCAKE + "[]\n", 5),
        (
            MOONCAKE + '{"timestamp": 1, "input_length": 600, "output_length": 2, "hash_ids": [1]}',
            5,
        ),
        (
            MOONCAKE + '{"timestamp": 1, "input_length": 6, "output_length": 2, "hash_ids": ["a"]}',
            5,
        ),
        (MOONCAKE + '{"timestamp": -1, "input_length": 6, "output_length": 2}', 5),
        (MOONCAKE + '{"timestamp": 1, "input_length": true, "output_length": 2}', 5),
        (MOONCAKE + '{"timestamp": 1, "input_length": 6}', 5),
        ("\ufeff" + AZURE, None),
        (AZURE + "yesterday,1,2\n", 4),
        (AZURE + "2023-11-16 18:16:00,1.5,2\n", 4),
        (AZURE + "2023-11-16 18:16:00,1\n", 4),
        (BURSTGPT + "nan,1,1,GPT-4,9,9,18,API log\n", 6),
        (BURSTGPT + "130,1,1,GPT-4,1e12,9,18,API log\n", 6),
        (BURSTGPT + "130,1,1,GPT-4,10000001,9,18,API log\n", 6),
        (BURSTGPT + "130,1,1,GPT-4,9,nan,18,API log\n", 6),
    ],
)
def test_a_bad_row_is_one_error_that_names_file_and_line(tmp_path, text, line):
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert str(caught.value.where).endswith(f"public.txt:{line}" if line else "public.txt")


def test_equal_ids_are_equal_tokens_and_others_are_not(tmp_path):
    path, turns = read(tmp_path, MOONCAKE)
    options = {"endpoint": "http://127.0.0.1:9", "model": "m", "trace": str(path)}
    (cell,) = plan("quick", options)
    assert Point.from_json(json.loads(json.dumps(cell.spec["points"][0]))).turns == turns
    prompts = Conversations(Target(url="http://h", model="m"), turns, seed="a")
    first, other, third = (
        json.loads(prompts.request(index).split(b"\r\n\r\n")[1])["prompt"] for index in range(3)
    )
    assert [len(prompt) for prompt in (first, other, third)] == [6758, 600, 1100]
    assert third[:1024] == first[:1024]
    assert third[1024:1028] != first[1024:1028]
    # The same block in another place is the same tokens, behind a start that no cache knows.
    assert other[512:] == first[512:600]
    assert other[:4] != first[:4]
    assert len({tuple(first[start : start + 4]) for start in range(0, 6758, 512)}) == 14
    assert [prompts.shared(index) for index in range(3)] == [0, 0, 1024]
    again = Conversations(Target(url="http://h", model="m"), turns, seed="b")
    assert again.request(0) != prompts.request(0)
    with pytest.raises(UserError) as caught:
        plan("quick", {**options, "shared_prefix": 0.5})
    assert caught.value.where == "shared_prefix"
