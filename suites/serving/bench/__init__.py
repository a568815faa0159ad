"""Our load generator beside other clients."""
