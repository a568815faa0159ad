"""Imports follow the arrows: suites → results → runners, and the site reads results."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Room -> folder, and the rooms it may import besides itself.
ROOMS = {
    "suites": ("suites", set()),
    "results": ("results", {"suites"}),
    "runners": ("runners", {"suites", "results"}),
    "leaderboard": ("site/leaderboard", {"suites", "results"}),
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_before_it(room):
    folder, allowed = ROOMS[room]
    forbidden = set(ROOMS) - allowed - {room}
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in imports(path)
        if name.partition(".")[0] in forbidden
    ]
    assert found == []


@pytest.mark.parametrize("room", ["suites", "results", "runners"])
def test_a_room_has_code(room):
    assert len(list((ROOT / room).rglob("*.py"))) > 5
