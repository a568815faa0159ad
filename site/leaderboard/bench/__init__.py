"""How fast a site is built, and what it looks like."""
