"""For every test: Hypothesis judges what the code does, not how fast this machine is today."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("fenmark", deadline=None)
settings.load_profile("fenmark")
