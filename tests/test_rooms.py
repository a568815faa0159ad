"""Imports follow the arrows: from room to room, from folder to folder, and never in a circle."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Room -> where it lies, and the rooms it may import besides itself.
ROOMS = {
    "suites": ("suites", set()),
    "results": ("results", {"suites"}),
    "runners": ("runners", {"suites", "results"}),
    "leaderboard": ("site/leaderboard", {"suites", "results"}),
}
# Folders of each room from the bottom to the top: each may import those before it. A folder's own
# files stand above its subfolders, unless a folder that follows is listed as standing on them.
FOLDERS = {
    "suites": [
        "base",
        "models",
        "meters",
        "engines/portable",
        "engines",
        "client",
        "quality",
        "kernels/cuda",
        "kernels/backends",
        "kernels/families",
        "kernels",
        "kernels/trial",
        "kernels/bench",
        "inference",
        "inference/bench",
        "serving/load",
        "serving/instrument",
        "serving/processes",
        "serving/workers",
        "serving",
        "serving/bench",
        "quality/bench",
        "",
    ],
    "results": [
        "catalog",
        "statement",
        "keys",
        "economy",
        "checks",
        "agreement",
        "proof",
        "reported/parts",
        "reported/readers",
        "reported",
        "prediction",
        "archive",
        "service",
        "service/api",
        "migrations",
        "migrations/versions",
        "bench",
        "commands",
        "",
    ],
    "runners": [
        "machine",
        "options",
        "ci",
        "measure",
        "accept",
        "submit",
        "plans",
        "bench",
        "commands",
        "",
    ],
    "leaderboard": [
        "base",
        "words",
        "figures",
        "read",
        "pages",
        "output",
        "",
        "bench",
    ],
}


@cache
def modules():
    """Module -> its file, of all rooms."""
    by_name = {}
    for room, (home, _) in ROOMS.items():
        for path in sorted((ROOT / home).rglob("*.py")):
            parts = path.relative_to(ROOT / home).with_suffix("").parts
            name = ".".join((room, *parts)).removesuffix(".__init__")
            by_name[name] = path
    return by_name


def folder_of(module):
    """Return the folder within its room: "serving/load", "" for the room's own files."""
    home = ROOT / ROOMS[module.partition(".")[0]][0]
    return modules()[module].parent.relative_to(home).as_posix().removeprefix(".")


def named(tree):
    """Yield every name that a file imports, for types only and within functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name):
    """Return the module that an imported name is of; "" where it is not ours."""
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name


@cache
def arrows():
    """Module -> modules of ours that it imports."""
    imported = {}
    for module, path in modules().items():
        names = map(module_of, named(ast.parse(path.read_text())))
        imported[module] = {name for name in names if name} - {module}
    return imported


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_before_it(room):
    allowed = {room} | ROOMS[room][1]
    wrong = [
        f"{module} imports {name}"
        for module, names in arrows().items()
        if module.partition(".")[0] == room
        for name in sorted(names)
        if name.partition(".")[0] not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_folder_imports_only_from_folders_before_it(room):
    level = FOLDERS[room].index
    wrong = [
        f"{module} imports {name}"
        for module, names in arrows().items()
        if module.partition(".")[0] == room
        for name in sorted(names)
        if name.partition(".")[0] == room and level(folder_of(name)) > level(folder_of(module))
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_folder_has_its_place(room):
    here = {folder_of(module) for module in modules() if module.partition(".")[0] == room}
    assert here == set(FOLDERS[room])


def test_no_modules_import_each_other_in_a_circle():
    try:
        TopologicalSorter(arrows()).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_tests_lie_in_folders_as_their_subjects_do():
    """What is about a whole room, or several, lies at the top of its folder; guides are no room."""
    tests = ROOT / "tests"
    homes = {name if name != "leaderboard" else "site": home for name, (home, _) in ROOMS.items()}
    strays = [
        path
        for path in sorted(tests.rglob("test_*.py"))
        for room, *folders in [path.relative_to(tests).parts[:-1] or ("",)]
        if room not in {"", "guides"}
        if not ROOT.joinpath(homes.get(room, room), *folders).is_dir()
    ]
    assert strays == []
