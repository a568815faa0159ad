"""Publish: turn accepted results into the static leaderboard."""

from leaderboard.build import BuildReport, build

__all__ = ["BuildReport", "build"]
