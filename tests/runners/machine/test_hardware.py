"""A machine is told from another without its serial numbers being told to anybody."""

import pytest

from runners.machine import hardware, nvidia


@pytest.fixture
def machine(tmp_path):
    """A file system with these serial numbers in it."""

    def make(name, **files):
        for place, text in files.items():
            path = tmp_path / name / place.replace("__", "/").replace("_", "-")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return tmp_path / name

    return make


def names(root):
    return set(filter(None, hardware.identity(root).get("hardware", "").split(",")))


def test_a_machine_names_itself_alike_each_time_and_tells_no_serial_number(machine):
    root = machine("one", etc__machine_id="0123456789abcdef0123456789abcdef")
    assert names(root) == names(root) != set()
    assert not any("0123456789abcdef"[:8] in name for name in names(root))


def test_two_machines_share_no_name(machine):
    first = machine("one", etc__machine_id="a" * 32)
    other = machine("other", etc__machine_id="b" * 32)
    assert names(first) & names(other) == set()


def test_a_card_moved_to_another_machine_is_known_again(machine, monkeypatch):
    monkeypatch.setattr(nvidia, "serials", lambda: ["GPU-1234"])
    first = names(machine("one", etc__machine_id="a" * 32))
    other = names(machine("other", etc__machine_id="b" * 32))
    assert len(first & other) == 1


def test_what_names_nothing_states_nothing(tmp_path):
    assert hardware.identity(tmp_path) == {}


def test_a_rack_of_cards_fits_a_condition(tmp_path, monkeypatch):
    monkeypatch.setattr(nvidia, "serials", lambda: [f"GPU-{n}" for n in range(72)])
    assert len(hardware.identity(tmp_path)["hardware"]) <= 256
