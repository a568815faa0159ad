"""The submission API: challenges, submissions with receipts, the log, what is in it."""

from results.api.app import create_app
from results.api.service import Limits

__all__ = ["Limits", "create_app"]
