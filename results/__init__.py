"""Say what a result is: its schema, proof, physical checks and derived figures."""
