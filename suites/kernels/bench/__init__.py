"""Our timing beside other instruments'."""
