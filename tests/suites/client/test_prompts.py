"""Prompts have the length asked for, differ from their first tokens on, and can be made again."""

from __future__ import annotations

import json

import pytest

from suites.client.prompts import BLOCK_TOKENS, Conversations, Prompts, PromptWriter, Turn
from suites.client.target import Target
from suites.client.vocabulary import IDS, UNIQUE_TOKENS, Vocabulary

AT = Target(url="http://h", model="m")
CHAT = Target(url="http://h", model="m", api="chat")


def body(request):
    head, _, rest = request.partition(b"\r\n\r\n")
    assert int(head.rpartition(b" ")[2]) == len(rest)
    return json.loads(rest)


def tokens(request):
    return body(request)["prompt"]


def prompts(target=AT, **fields):
    return Prompts(target, **{"input_tokens": 40, "output_tokens": 4, "seed": 7, **fields})


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others():
    assert prompts().request(3) == prompts().request(3)
    assert tokens(prompts().request(3)) != tokens(prompts(seed=8).request(3))


def test_prompts_differ_in_their_first_tokens_and_nearly_everywhere():
    several = prompts()
    asked = [tokens(several.request(index)) for index in range(50)]
    assert {len(prompt) for prompt in asked} == {40}
    assert len({tuple(prompt[:UNIQUE_TOKENS]) for prompt in asked}) == 50
    first, second = asked[:2]
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 5


def test_runs_of_two_seeds_number_their_prompts_from_anywhere():
    lasts = {tokens(prompts(seed=seed).request(0))[UNIQUE_TOKENS - 1] for seed in range(4)}
    assert len(lasts) == 4


def test_a_shared_part_is_shared_by_all_and_leaves_room_for_what_numbers_them():
    half = prompts(shared=0.5)
    first, second = (tokens(half.request(index)) for index in range(2))
    assert first[:20] == second[:20]
    assert first[20:24] != second[20:24]
    assert (half.shared(0), prompts().shared(0)) == (20, 0)
    whole = prompts(shared=1.0)
    first, second = (tokens(whole.request(index)) for index in range(2))
    assert first[:36] == second[:36]
    assert (whole.shared(0), prompts(shared=1.0, input_tokens=3).shared(0)) == (36, 0)


def test_sizes_come_round_and_each_has_its_length():
    sizes = prompts(lengths=[(30, 5), (10, 2)])
    assert [sizes.size(index) for index in range(3)] == [(30, 5), (10, 2), (30, 5)]
    for index in range(3):
        asked = body(sizes.request(index))
        assert (len(asked["prompt"]), asked["max_tokens"]) == sizes.size(index)


def test_an_open_length_is_none_and_vectors_are_counted_in_its_place():
    natural = prompts(Target(url="http://h", model="m", natural=True))
    assert natural.size(0) == (40, 0)
    assert body(natural.request(0))["max_tokens"] == 4
    ranked = prompts(Target(url="http://h", model="m", api="rerank", documents=3))
    assert ranked.size(0) == (40, 3)


def test_models_are_asked_for_in_turn():
    several = prompts(models=["a", "b"])
    assert [several.model(index) for index in range(3)] == ["a", "b", "a"]
    assert [body(several.request(index))["model"] for index in range(3)] == ["a", "b", "a"]
    assert (prompts().model(5), body(prompts().request(5))["model"]) == ("", "m")


def test_processes_divide_the_requests_of_one():
    alone = prompts(lengths=[(30, 5), (10, 2), (20, 3)], models=["a", "b"])
    for place in range(2):
        part = prompts(lengths=[(30, 5), (10, 2), (20, 3)], models=["a", "b"], part=(place, 2))
        for index in range(4):
            assert part.request(index) == alone.request(2 * index + place)
            assert part.size(index) == alone.size(2 * index + place)


def test_pictures_stand_before_the_text_of_a_chat():
    with_parts = prompts(CHAT, parts=lambda number: b'{"type":"image","n":%d}' % number)
    (message,) = body(with_parts.request(2))["messages"]
    plain = body(prompts(CHAT).request(2))["messages"][0]["content"]
    assert message["content"] == [{"type": "image", "n": 2}, {"type": "text", "text": plain}]


def test_a_tokenizers_own_tokens_are_part_of_the_length():
    words = Vocabulary(kind="tokenizer", pieces=("also", "area", "away"), separator=" ", special=3)
    own = prompts(Target(url="http://h", model="m", words=words))
    assert len(tokens(own.request(0)).split()) == 37


def test_what_is_fresh_begins_at_its_token_and_stands_in_no_other_prompt():
    writer = PromptWriter(AT, longest=60, seed=1)

    def asked(number, **more):
        return tokens(writer.request(number, messages=(60,), common=0, output_tokens=1, **more))

    plain, first, other = asked(5), asked(5, fresh=(30, 0)), asked(5, fresh=(30, 1))
    assert plain[:30] == first[:30] == other[:30]
    assert len({tuple(prompt[30:34]) for prompt in (plain, first, other)}) == 3
    assert {len(plain), len(first), len(other)} == {60}
    # Nothing is fresh behind the end.
    assert asked(5, fresh=(60, 0)) == plain


def test_blocks_with_the_same_id_are_the_same_and_others_are_not():
    writer = PromptWriter(AT, longest=1100, seed=1)

    def asked(length, *blocks):
        return tokens(
            writer.request(0, messages=(length,), common=0, output_tokens=1, blocks=blocks)
        )

    long, short = asked(1030, 3, 9, 4), asked(600, 3, 9)
    assert (len(long), len(short)) == (1030, 600)
    assert long[:600] == short
    assert asked(600, 9, 3)[:88] == long[BLOCK_TOKENS : BLOCK_TOKENS + 88]
    assert asked(600, 3, 8)[BLOCK_TOKENS:] != short[BLOCK_TOKENS:]


TURNS = [
    Turn(0, 20, 5, 0),
    Turn(0, 30, 2, 1),
    Turn(1, 40, 6, 0),
    Turn(2, 520, 3, 2, blocks=(1, 2), known_tokens=512),
]


def test_a_turn_begins_with_all_of_the_turn_before_and_says_how_much():
    asked = Conversations(AT, TURNS, seed=1, shared=0.5)
    made = [body(asked.request(index)) for index in range(len(TURNS))]
    assert [(len(request["prompt"]), request["max_tokens"]) for request in made] == [
        t[1:3] for t in TURNS
    ]
    assert [asked.size(index) for index in range(4)] == [t[1:3] for t in TURNS]
    assert made[2]["prompt"][:20] == made[0]["prompt"]
    assert made[1]["prompt"][:10] == made[0]["prompt"][:10]
    # Of the first ones what all share, then the earlier prompt, or what the trace says.
    assert [asked.shared(index) for index in range(4)] == [10, 15, 25, 512]
    assert Conversations(AT, TURNS, seed=1).shared(0) == 0


def test_a_chat_of_several_turns_has_a_message_for_each_and_for_each_answer():
    turns = [Turn(0, 20, 5, 0), Turn(1, 40, 6, 0)]
    first, second = (body(Conversations(CHAT, turns, seed=1).request(i)) for i in range(2))
    lengths = [len(message["content"].split()) for message in second["messages"]]
    assert (lengths, [m["role"] for m in second["messages"]]) == (
        [20, 5, 15],
        ["user", "assistant", "user"],
    )
    assert second["messages"][0] == first["messages"][0]


@pytest.mark.parametrize("number", [0, 1, 8998, 8999, 8999 * 8999])
def test_the_number_of_a_prompt_is_written_in_its_first_tokens(number):
    writer = PromptWriter(AT, longest=8, seed=1)
    base = len(IDS.pieces)

    def value(of):
        asked = tokens(writer.request(of, messages=(8,), common=0, output_tokens=1))
        return sum((token - 1000) * base**place for place, token in enumerate(asked[:4]))

    assert (value(number) - value(0)) % base**UNIQUE_TOKENS == number
