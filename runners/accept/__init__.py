"""An acceptance test: is this machine what was sold, and as fast as its like? Never signed."""
