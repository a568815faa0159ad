"""What a file of another's comes to, in the words tests ask in."""

import json
from pathlib import Path

from results.checks.labels import label_faults
from results.reported import import_file
from suites.base.labels import LABELS
from suites.base.metrics import METRICS

HARNESSES = Path(__file__).parents[2] / "excerpts" / "harnesses"


def of_excerpt(name, kind=None, **stated):
    """Import an excerpt; by default its kind is found out."""
    return checked(import_file(kind, HARNESSES / name, **stated))


def of_text(folder, text, name="file.json", kind=None, **stated):
    """Import a file that says `text`, or an object as JSON."""
    path = folder / name
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return checked(import_file(kind, path, **stated))


def checked(file):
    """Hold what is promised of every imported file."""
    assert file.rows == len(file.results) + len(file.folded) + len(file.refused)
    for result in file.results:
        figures = result.measurements
        assert all(METRICS[figure.metric].unit == figure.unit for figure in figures)
        assert {figure.method for figure in figures} == {"reported"}
        assert {name for figure in figures for name in figure.labels} <= LABELS.keys()
        assert label_faults(result) == []
        keys = [(figure.metric, str(sorted(figure.labels.items()))) for figure in figures]
        assert len(set(keys)) == len(keys), "one figure of a kind"
    return file


def figures(result):
    """Return the figures of a result: "ttft" or, of a distribution, "ttft/p99" -> value."""
    return {
        "/".join(filter(None, (row.metric, row.labels.get("statistic")))): row.value
        for row in result.measurements
    }


def reasons(file):
    return [refusal.reason for refusal in file.refused]
