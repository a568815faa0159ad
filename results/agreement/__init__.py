"""Do two results agree: figures side by side, and a verdict."""
