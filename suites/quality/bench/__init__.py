"""The test models, and what becomes of their answers when they are quantized, cut or swapped."""
