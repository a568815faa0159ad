"""Results published by others: always `reported`, never ranked among measured ones."""

from results.reported.importing import KINDS, import_file
from results.statement.reported import ReportedFile, ReportedResult, read_folder

__all__ = ["KINDS", "ReportedFile", "ReportedResult", "import_file", "read_folder"]
