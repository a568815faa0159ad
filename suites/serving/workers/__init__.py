"""What runs in those processes, and who starts them."""
