"""Publish: turn accepted results into the static leaderboard."""

from leaderboard.output.build_report import BuildReport
from leaderboard.output.last_build import build

__all__ = ["BuildReport", "build"]
