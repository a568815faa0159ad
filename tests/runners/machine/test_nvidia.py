"""What the driver says of the cards: the real nvidia-ml-py over the stand-in library."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="no C compiler here")

STUB = Path(__file__).parents[2] / "suites" / "meters" / "stub_nvml.c"
ASK = """
import json
from runners.machine import machine, nvidia
from runners.machine.advice import advice
settings, now = nvidia.cards_settings(), nvidia.cards_now()
findings = [[item.subject, item.says, item.remedy] for item in advice(settings, now, {}, 8)]
gpus = machine.accelerators()
named = {"names": [gpu.name for gpu in gpus], "pci": [gpu.pci for gpu in gpus]}
print(json.dumps({"settings": settings, "now": now, "findings": findings, **named}))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nvml")
    out = folder / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", STUB, "-o", out], check=True)
    return folder


@pytest.fixture
def asked(library):
    """`asked(COUNT_0=2, ECC_1=0)`: what a machine with these cards says."""

    def ask(**cards):
        variables = {f"STUB_{name}": str(value) for name, value in cards.items()}
        done = subprocess.run(
            [sys.executable, "-c", ASK],
            env={**os.environ, **variables, "LD_LIBRARY_PATH": str(library)},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    return ask


def test_a_card_tells_its_limits_clocks_ecc_mig_and_link(asked):
    answer = asked(COUNT_0=1, LIMIT_MW_0=350000, MIG_0=1, WIDTH_0=8)
    assert answer["names"] == ["Stub X1"]
    assert answer["pci"] == ["10de:2330"]
    settings = answer["settings"]
    assert settings["gpu0_power_limit_w"] == 350
    assert settings["gpu0_sm_mhz_max"] == 1980
    assert (settings["gpu0_ecc"], settings["gpu0_mig"]) == ("on", "on")
    assert (settings["gpu0_pci"], settings["gpu0_vbios"]) == ("10de:2330", "96.00.5E.00.01")
    assert settings["gpu0_pcie"] == "gen 5 x8 of gen 5 x16"
    assert "gpu_topology" not in settings
    assert answer["now"]["gpu0_temperature_c"] == 41
    assert answer["now"]["gpu0_sm_mhz"] == 345


def test_cards_joined_by_nvlink_and_those_that_are_not_are_told_apart(asked):
    answer = asked(COUNT_0=3, P2P_0=0, NVLINKS_0=18, LEVEL_1=30)
    assert answer["settings"]["gpu0_nvlinks"] == 18
    assert "gpu1_nvlinks" not in answer["settings"]
    assert answer["settings"]["gpu_topology"] == "2 pairs by NVLink, 1 pair by a host bridge"


def test_a_card_that_refuses_questions_leaves_their_answers_out(asked):
    answer = asked(COUNT_0=2, REFUSE_0=3)
    assert "gpu0_ecc" not in answer["settings"]
    assert "gpu0_temperature_c" not in answer["now"]
    assert answer["settings"]["gpu1_ecc"] == "on"


def test_no_driver_is_no_card(asked):
    answer = asked(INIT_ERROR_0=9)
    assert answer["settings"] == answer["now"] == {}
    assert answer["findings"] == []


def test_what_spoils_a_run_is_said_with_its_remedy(asked):
    answer = asked(COUNT_0=1, PERSISTENCE_0=0, MIG_0=1, ECC_0=0, REASONS_0=0x20, WIDTH_0=4)
    remedies = " | ".join(remedy for _, _, remedy in answer["findings"])
    for part in ("-i 0 -pm 1", "-mig 0", "-e 1", "let it cool", "another slot", "-pl 400"):
        assert part in remedies
    assert {subject for subject, _, _ in answer["findings"]} == {"GPU 0"}


def test_a_card_as_it_should_be_needs_no_advice(asked):
    assert asked(COUNT_0=1, LIMIT_MW_0=400000)["findings"] == []
