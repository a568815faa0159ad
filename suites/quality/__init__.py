"""Whether a cheap token is the same token: graded questions, and agreement with weights."""
