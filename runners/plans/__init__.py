"""Sweeps as files: one TOML says which runs, and each of its cells becomes a signed result."""
