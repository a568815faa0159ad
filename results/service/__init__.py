"""The server that takes results: checks, store, log, witnesses."""
