"""One load in one process: when to send, and what came back."""
