"""What a mart held before, what its next days are expected to hold, and why a figure moved."""
