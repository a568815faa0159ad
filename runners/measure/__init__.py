"""One run: cells measured, watched, put together and shown."""
