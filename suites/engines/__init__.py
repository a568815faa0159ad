"""Start and stop a real engine, and make the weights it runs."""

from suites.engines.llamacpp import LlamaCpp, Settings, default_threads
from suites.engines.weights import FIRST_WORD_ID, Weights, generate, read

__all__ = [
    "FIRST_WORD_ID",
    "LlamaCpp",
    "Settings",
    "Weights",
    "default_threads",
    "generate",
    "read",
]
