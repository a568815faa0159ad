"""Start and stop a real engine, and make the weights it runs."""
