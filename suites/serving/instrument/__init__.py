"""How wrong the instrument is, and when a figure may not be believed."""
