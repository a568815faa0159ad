"""What a million tokens cost, and the least they could."""
