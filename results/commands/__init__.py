"""The verbs of this room on the command line: thin wrappers that parse, call and print."""
