"""Start and stop a real engine, and make the weights it runs."""

from suites.engines.hf_folder import generate_folder, read_folder
from suites.engines.llamacpp import LlamaCpp, Settings, default_threads
from suites.engines.served import Choice, ServedEngine
from suites.engines.weights import FIRST_WORD_ID, Weights, generate, read

__all__ = [
    "FIRST_WORD_ID",
    "Choice",
    "LlamaCpp",
    "ServedEngine",
    "Settings",
    "Weights",
    "default_threads",
    "generate",
    "generate_folder",
    "read",
    "read_folder",
]
