"""Send results to a log, and repeat those of others."""
