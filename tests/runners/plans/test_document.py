"""Plans as files: what they may say, and at which line they are wrong."""

import pytest

from runners.plans.cell_forecast import prospects
from runners.plans.cells import expand
from runners.plans.document import read, ready
from runners.plans.fitting import TargetMachine
from runners.plans.places import line_of
from suites.base.errors import UserError

SOUND = """name = "sweep"
answers = "Which?"
suites = ["inference"]

[options]
model = "tiny-15m"

[axes]
seed = [
  1,
  2,
]

[axes.load]
chat = { isl = 64, osl = 8 }
long = { isl = 512, osl = 8 }

[[exclude]]
seed = 2
load = "long"
"""


@pytest.fixture
def plan(tmp_path):
    def write(text, name="sweep.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def complaint(path):
    with pytest.raises(UserError) as caught:
        list(prospects(read(path), TargetMachine.of(read(path).plan)))
    return str(caught.value).removeprefix(f"{path}:")


def test_a_sound_plan_reads(plan):
    document = read(plan(SOUND))
    assert document.plan.retry.times == 1
    assert len(document.sha256) == 64
    assert len(list(expand(document))) == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('answers = "Which?"\n', "", "1: 'answers' is missing"),
        ('suites = ["inference"]', 'suites = ["inferense"]', "3: suites.0: Input should be"),
        ('suites = ["inference"]', 'profle = "quick"', "3: no field 'profle'; expected name"),
        ('name = "sweep"', 'name = "Sweep 1"', "1: name: String should match"),
        ('name = "sweep"', 'name = "sweep', "1:14: is not TOML"),
        ('model = "tiny-15m"', 'modle = "tiny-15m"', "6: no option 'modle'; expected one of"),
        (
            'model = "tiny-15m"',
            'model = "tiny-16m"',
            "6: cell seed1+chat-aff6e3b9: model: unknown model",
        ),
        (
            'model = "tiny-15m"',
            'engine = "vlm"',
            "6: cell seed1+chat-1f0b70ec: engine: no engine 'vlm'",
        ),
        ('model = "tiny-15m"', 'out = "elsewhere"', "6: no option 'out'"),
        ("  2,\n", '  "two",\n', "11: Invalid value for '--seed'"),
        ("  2,\n", "  -2,\n", "11: Invalid value for '--seed'"),
        ("  2,\n", "  true,\n", "9: axes.seed"),
        ("long = {", "concurency = {", "20: excludes load = long, which is not a value"),
        ("osl = 8 }\nlong", "osll = 8 }\nlong", "15: no option 'osll'"),
        ("seed = 2", "pp = 2", "19: excludes pp = 2, which is not a value of an axis"),
        (
            "seed = 2",
            "seed = 3",
            "19: excludes seed = 3, which is not a value of an axis; expected seed1",
        ),
        ('seed = 2\nload = "long"', "", "18: excludes nothing"),
        ('"tiny-15m"', '"tiny-15m"\nprofile = "fast"', "5: no profile 'fast'"),
        ('"tiny-15m"', '"tiny-15m"\n[retry]\ntimes = 99', "8: retry.times"),
        ('"tiny-15m"', '"tiny-15m"\n[machine]\nchip = "h100-sxm"\nchip_count = 2', "9: no field"),
    ],
)
def test_a_mistake_is_named_with_its_line(plan, old, new, message):
    assert old in SOUND
    assert message in complaint(plan(SOUND.replace(old, new)))


def test_a_suite_refuses_a_value_with_the_line_it_stands_in(plan):
    text = SOUND.replace("isl = 512", "isl = 1").replace('"inference"', '"serving"')
    assert "16: cell seed1+long" in (message := complaint(plan(text)))
    assert "1 is too small" in message


def test_two_cells_may_not_be_the_same(plan):
    text = SOUND.replace("  1,\n  2,\n", "  1,\n  1,\n").replace("seed = 2", "seed = 1")
    assert "are the same" in complaint(plan(text))


def test_what_is_no_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "none.toml")
    with pytest.raises(UserError, match="no plan 'none'; expected a file, or one of container"):
        read("none")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(UserError, match="is not UTF-8"):
        read(tmp_path / "latin.toml")
    (tmp_path / "big.toml").write_text("#" * (1 << 20) + "\n")
    with pytest.raises(UserError, match="has 1,048,577 bytes, above 262,144"):
        read(tmp_path / "big.toml")


def test_options_given_by_hand_win_and_are_checked(plan):
    document = read(plan(SOUND)).with_options(["model=qwen2.5-0.5b", "threads=2"])
    cell = next(iter(expand(document)))
    assert cell.given["model"] == "qwen2.5-0.5b"
    assert cell.given["threads"] == 2
    with pytest.raises(UserError, match="--set"):
        read(plan(SOUND)).with_options(["model"])
    with pytest.raises(UserError, match="no option 'modle'"):
        list(expand(read(plan(SOUND)).with_options(["modle=x"])))


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("options", "model"), None, 6),
        (("axes", "seed"), None, 9),
        (("axes", "seed"), 2, 11),
        (("axes", "load"), None, 14),
        (("axes", "load", "long"), None, 16),
        (("exclude", 0, "load"), None, 20),
        (("exclude", 0), None, 18),
        (("nowhere",), None, 1),
    ],
)
def test_a_place_is_the_deepest_part_the_text_shows(path, value, line):
    assert line_of(SOUND, path, value) == line


def test_every_plan_that_ships_is_sound_and_says_what_it_answers():
    assert {"laptop-cpu", "single-gpu", "gpu-node", "supernode-nvl72"} <= ready().keys()
    for name, path in ready().items():
        document = read(path)
        assert document.plan.name == name
        assert document.plan.answers.endswith("?")
        behind = (
            ["endpoint=http://127.0.0.1:9", "model=m"] if "deployment" in path.read_text() else []
        )
        target = TargetMachine.of(document.plan, None if document.plan.machine else "h100-sxm")
        planned = list(prospects(document.with_options(behind), target))
        assert planned
        if name != "laptop-cpu":
            assert any(not prospect.reason for prospect in planned), name
