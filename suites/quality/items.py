"""Questions made from a seed, each with one right answer: nothing to download or know before.

Eleven families at five levels, so that a model of half a billion parameters and one of seven
hundred both land away from floor and ceiling. Someone who does not know the seed cannot know the
questions; two who know it ask the same.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAMILIES", "LEVELS", "WORDS", "GradedQuestion", "items"]

GradingRule = Literal["line", "json", "words"]
LEVELS = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedQuestion:
    """One question.

    Attributes:
        family: what is asked for.
        level: 0, the easiest, to 4.
        prompt: what the model reads.
        expected: the answer; of `words` the rules as JSON.
        grade: how an answer is told right: its last line, the JSON in it, or rules for its words.
    """

    family: str
    level: int
    prompt: str
    expected: str
    grade: GradingRule = "line"


_DRAWS = 1000
_LAST_LINE = "Write the answer alone on the last line."
_NAMES = (
    "Ada", "Bao", "Cleo", "Dmitri", "Elif", "Femi", "Gao", "Hana", "Ivo", "Jun", "Kofi", "Lena",
    "Mei", "Noor", "Omar", "Pia", "Qiu", "Rosa", "Sven", "Tao", "Uma", "Vera", "Wei", "Ximena",
    "Yara", "Zeno",
)  # fmt: skip
WORDS = (
    "amber", "basin", "copper", "dragon", "ember", "forest", "garden", "harbor", "island", "jungle",
    "kettle", "lantern", "marble", "needle", "orchid", "pepper", "quartz", "ribbon", "silver",
    "timber", "umbra", "velvet", "willow", "yellow", "zephyr",
)  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def items(seed: bytes, count: int) -> list[GradedQuestion]:
    """Make the questions of a seed: families and levels in turn, so that all are about as many.

    Args:
        seed: such as a log's challenge.
        count: of all.
    """
    random = Random(seed)
    makers = [(name, level) for level in LEVELS for name in FAMILIES]
    made: dict[str, GradedQuestion] = {}
    for number in range(count):
        name, level = makers[number % len(makers)]
        for _ in range(_DRAWS):
            prompt, expected, grade = FAMILIES[name](random, level)
            if prompt not in made:  # no question twice
                break
        made[prompt] = GradedQuestion(
            family=name, level=level, prompt=prompt, expected=expected, grade=grade
        )
    asked = list(made.values())
    random.shuffle(asked)
    return asked


_Made = tuple[str, str, GradingRule]


def _asked(question: str, answer: object) -> _Made:
    return f"{question}\n{_LAST_LINE}", str(answer), "line"


def _arithmetic(random: Random, level: int) -> _Made:
    most = 10 ** (2 + level // 2)
    a, b, c, d = (random.randrange(most // 10, most) for _ in range(4))
    steps = [
        (f"{a} + {b}", a + b),
        (f"{a} + {b} - {c}", a + b - c),
        (f"{a} * {d % 10 + 2} - {b}", a * (d % 10 + 2) - b),
        (f"({a} + {b}) * {c % 90 + 10} - {d}", (a + b) * (c % 90 + 10) - d),
        (f"({a} * {b % 900 + 100} + {c}) % {d}", (a * (b % 900 + 100) + c) % d),
    ]
    text, value = steps[level]
    return _asked(f"What is {text}?", value)


def _algebra(random: Random, level: int) -> _Made:
    x, y = random.randint(-9 - 10 * level, 9 + 10 * level), random.randint(2, 9 + 5 * level)
    a, b, c = (random.randint(2, 9 + 3 * level) for _ in range(3))
    if level <= 1:
        return _asked(f"Solve for x: {a}x + {b} = {a * x + b}. Give the value of x.", x)
    if level <= 3:
        d = random.choice([n for n in range(1, 12) if n * b != a * c] or [a * c + 1])
        return _asked(
            f"Given {a}x + {b}y = {a * x + b * y} and {c}x + {d}y = {c * x + d * y}, "
            "give the value of x.",
            x,
        )
    return _asked(
        f"The equation x^2 + {-(x + y)}x + {x * y} = 0 has two integer roots. Give the larger.",
        max(x, y),
    )


def _shifted(text: str) -> str:
    return "".join(chr((ord(letter) - ord("a") + 1) % 26 + ord("a")) for letter in text)


_STRING_STEPS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("reverse it", lambda text: text[::-1]),
    ("sort its letters alphabetically", lambda text: "".join(sorted(text))),
    ("drop its first letter", lambda text: text[1:]),
    ("write every second letter, beginning with the first", lambda text: text[::2]),
    ("replace every letter by the next of the alphabet (z by a)", _shifted),
    ("move its last letter to the front", lambda text: text[-1:] + text[:-1]),
)


def _strings(random: Random, level: int) -> _Made:
    value = word = "".join(random.sample(WORDS, 1 + level // 3))
    steps = random.sample(_STRING_STEPS, 1 + level // 2 + (level == 4))
    for _, change in steps:
        value = change(value)
    told = ", then ".join(name for name, _ in steps)
    return _asked(f"Take the word {word}: {told}. What is the result?", value)


def _lists(random: Random, level: int) -> _Made:
    numbers = [random.randint(1, 99) for _ in range(4 + 3 * level)]
    evens = [n for n in numbers if n % 2 == 0]
    asked = [
        ("the largest number", max(numbers)),
        ("the sum of the even numbers", sum(evens)),
        ("how many different numbers there are", len(set(numbers))),
        (
            (
                "the numbers greater than 50 in ascending order, with commas between them and no "
                "spaces (write none if there are none)"
            ),
            ",".join(map(str, sorted(n for n in numbers if n > 50))) or "none",
        ),
        (
            "the largest difference between two neighbours, as a positive number",
            max(abs(a - b) for a, b in itertools.pairwise(numbers)),
        ),
    ]
    question, answer = asked[(level + random.randrange(2)) % 5]
    return _asked(f"Numbers: {', '.join(map(str, numbers))}. Give {question}.", answer)


def _trace(random: Random, level: int) -> _Made:
    a, b, step = random.randint(1, 9), random.randint(2, 9), random.randint(2, 5)
    turns, bound = 2 + 2 * level, random.randint(20, 60)
    lines, value = [f"x = {a}", f"for i in range({turns}):"], a
    for turn in range(turns):
        value = value * 2 - turn if value < bound else value - b * step
    lines += [
        f"    if x < {bound}:",
        "        x = x * 2 - i",
        "    else:",
        f"        x = x - {b * step}",
        "print(x)",
    ]
    return _asked("What does this Python program print?\n\n" + "\n".join(lines), value)


def _schema(random: Random, level: int) -> _Made:
    people = random.sample(_NAMES, 1 + level)
    facts, records = [], []
    for name in people:
        age, city = random.randint(18, 80), random.choice(WORDS).title()
        member = random.random() < 0.5
        facts.append(
            f"{name} is {age}, lives in {city} and is {'a' if member else 'not a'} member."
        )
        records.append({"name": name, "age": age, "city": city, "member": member})
    records.sort(key=lambda record: str(record["name"]))
    prompt = (
        f"{' '.join(facts)}\nWrite this as a JSON array of objects with the keys name (string), "
        "age (number), city (string) and member (boolean), sorted by name. Write JSON alone."
    )
    return prompt, json.dumps(records), "json"


def _facts(random: Random, count: int) -> list[tuple[str, int]]:
    keys = [
        f"{random.choice(WORDS)}-{number:04d}" for number in random.sample(range(10_000), count)
    ]
    return [(key, random.randint(1000, 9999)) for key in keys]


def _retrieval(random: Random, level: int) -> _Made:
    facts = _facts(random, 4 * 4**level)
    wanted, code = random.choice(facts)
    told = "\n".join(f"The code of room {key} is {value}." for key, value in facts)
    return _asked(f"{told}\n\nWhat is the code of room {wanted}?", code)


def _multihop(random: Random, level: int) -> _Made:
    people = random.sample(_NAMES, 6 + 4 * level)
    hops = 1 + level
    chain, others = people[: hops + 1], people[hops + 1 :]
    pairs = [*itertools.pairwise(chain), *itertools.pairwise(others)]
    random.shuffle(pairs)
    told = " ".join(f"{giver} hands everything on to {taker}." for giver, taker in pairs)
    return _asked(
        f"{told}\n{chain[0]} is given a parcel. After it was handed on {hops} "
        f"time{'s' if hops > 1 else ''}, who has it? Answer with the name.",
        chain[-1],
    )


def _constraints(random: Random, level: int) -> _Made:
    rules = {
        "count": 3 + 2 * level + random.randint(0, 2),
        "first": random.choice("bcdmprst") if level else "",
        "without": random.choice("aeiou") if level > 1 else "",
        "shortest": 3 + level // 2 if level > 2 else 1,
        "ascending": level > 3,
    }
    told = [f"exactly {rules['count']} English words, separated by single spaces"]
    if rules["first"]:
        told.append(f"each beginning with the letter {rules['first']}")
    if rules["without"]:
        told.append(f"none containing the letter {rules['without']}")
    if level > 2:
        told.append(f"each at least {rules['shortest']} letters long")
    if rules["ascending"]:
        told.append("in alphabetical order, no word twice")
    theme = " and ".join(random.sample(WORDS, 2))
    prompt = (
        f"With {theme} in mind, write {', '.join(told)}. "
        "Lower case, no punctuation, on the last line alone."
    )
    return prompt, json.dumps(rules), "words"


_DIGITS = "零一二三四五六七八九"
_ROUND_ZERO = "\u3007"  # of years


def _chinese(number: int, *, first: bool = True) -> str:
    """Write a number below 10^12 in Chinese, as it is read; ten is 十 only where it comes first."""
    if number < 10:
        return _DIGITS[number]
    for unit, name in ((10**8, "亿"), (10**4, "万")):
        if number >= unit:
            head, rest = divmod(number, unit)
            gap = "零" if rest and rest < unit // 10 else ""
            tail = _chinese(rest, first=False) if rest else ""
            return f"{_chinese(head, first=first)}{name}{gap}{tail}"
    written = ""
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            written += _DIGITS[digit] + name
        elif written and number and not written.endswith("零"):
            written += "零"
    return written.removeprefix("一") if first and written.startswith("一十") else written


def _translation(random: Random, level: int) -> _Made:
    if random.random() < 0.5:
        number = random.randrange(10 ** (level + 1), 10 ** (2 * level + 2))
        return _asked(f"Write the Chinese number {_chinese(number)} in digits.", number)
    year, month, day = random.randint(1950, 2049), random.randint(1, 12), random.randint(1, 28)
    if level <= 2:
        return _asked(
            f"Write the date {year}年{month}月{day}日 as YYYY-MM-DD.",
            f"{year}-{month:02d}-{day:02d}",
        )
    told = f"{_MONTHS[month - 1]} {day}, {year}"
    digits = "".join(_DIGITS[int(digit)] for digit in str(year)).replace("零", _ROUND_ZERO)
    return _asked(
        f"Write the date {told} in Chinese numerals, in the form 二〇二四年三月五日.",
        f"{digits}年{_chinese(month)}月{_chinese(day)}日",
    )


def _tools(random: Random, level: int) -> _Made:
    name, other = random.sample(_NAMES, 2)
    hour, minutes, room = (
        random.randint(8, 17),
        random.choice((15, 30, 45, 60)),
        random.randint(1, 40),
    )
    arguments: dict[str, object] = {"person": name, "hour": hour}
    told = f"Book a meeting with {name} at {hour}:00"
    if level > 0:
        arguments["minutes"] = minutes
        told += f" for {minutes} minutes"
    if level > 1:
        arguments["room"] = room
        told += f" in room {room}"
    if level > 2:
        arguments["also"] = [other]
        told += f", and invite {other} as well"
    if level > 3:
        arguments["remind"] = random.random() < 0.5
        told += ", with a reminder" if arguments["remind"] else ", without a reminder"
    signature = (
        "book(person: string, hour: integer, minutes: integer = absent, room: integer = absent, "
        "also: list of strings = absent, remind: boolean = absent)"
    )
    prompt = (
        f"You can call one tool: {signature}. Leave out what is not asked for.\n{told}.\n"
        'Write the call as JSON alone, in the form {"tool": "book", "arguments": {...}}.'
    )
    return prompt, json.dumps({"tool": "book", "arguments": arguments}), "json"


FAMILIES: dict[str, Callable[[Random, int], _Made]] = {
    "arithmetic": _arithmetic,
    "algebra": _algebra,
    "strings": _strings,
    "lists": _lists,
    "trace": _trace,
    "schema": _schema,
    "retrieval": _retrieval,
    "multihop": _multihop,
    "constraints": _constraints,
    "translation": _translation,
    "tools": _tools,
}
