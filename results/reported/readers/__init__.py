"""One reader a publisher or harness: one file, one registration, one table of its fields."""
