"""Jobs of a continuous integration: their protocol, their matrix, their verdict."""
