"""Who signed: keys, their files, their log, keyless certificates."""
