"""The submission API: challenges, submissions with receipts, the log, what is in it."""

from results.service.api.app import create_app
from results.service.limits import Limits

__all__ = ["Limits", "create_app"]
