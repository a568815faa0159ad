"""Envelopes, and the log that holds them: nothing changes unseen."""
