"""What a result says, signed or reported, and how it is written."""
