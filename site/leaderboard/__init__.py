"""Publish: turn accepted results into the static leaderboard."""

from leaderboard.output.build import BuildReport, build

__all__ = ["BuildReport", "build"]
