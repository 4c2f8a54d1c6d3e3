"""What a worker does with one operation, from its claim to its end."""
