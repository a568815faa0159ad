"""Run: know the machine, drive the suites, sign, log and submit the result."""
