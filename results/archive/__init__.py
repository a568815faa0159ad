"""A folder of signed results: read it, add to it, check it, bundle it."""
