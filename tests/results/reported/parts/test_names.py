"""What an importer states stands in the place of what a file says, and the row says both."""

from results.reported.parts.building import figure
from results.reported.parts.names import NOT_NAMED, chip, stated
from results.statement.reported import ReportedResult


def result(name, count):
    rate = figure("serving", "case", "output_throughput", 1.0)
    return ReportedResult(id="x", chip=chip(name, count), measurements=[rate])


def test_a_name_of_two_chips_has_no_place_in_the_catalogue():
    assert chip("AMD Instinct MI300X (x32), AMD Instinct MI325X (x16)", 48).catalog_id is None
    assert chip("NVIDIA H200-SXM-141GB", 8).catalog_id == "h200-sxm"
    assert chip(None, None).name == NOT_NAMED


def test_nothing_stated_changes_nothing():
    before = result("L40S", 2)
    assert stated(before, None, None) == before


def test_what_was_not_said_is_filled_in():
    after = stated(result(None, None), "h100-sxm", 8)
    assert (after.chip.catalog_id, after.chip.count) == ("h100-sxm", 8)
    assert "as its importer states" in after.chip.name
    assert after.labels == {"count_stated_by": "importer"}


def test_what_was_said_wrongly_is_overruled_and_kept():
    after = stated(result("NVIDIA L40S", 64), "h100-sxm", 8)
    assert (after.chip.catalog_id, after.chip.count) == ("h100-sxm", 8)
    assert after.labels == {
        "chip_in_file": "NVIDIA L40S", "count_in_file": 64, "count_stated_by": "importer",
    }  # fmt: skip
