"""The submission API: challenges, submissions with receipts, the log, what is in it."""

from results.service.api.app import create_app
from results.service.limits import SenderLimits

__all__ = ["SenderLimits", "create_app"]
