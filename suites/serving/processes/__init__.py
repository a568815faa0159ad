"""One load over several processes and hosts."""
