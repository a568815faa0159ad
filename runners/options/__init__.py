"""What a run is asked for: on the command line, in a plan, in a statement."""
