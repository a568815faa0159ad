"""The HTTP client that suites put load on an engine with."""
