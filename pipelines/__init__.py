"""What a user types, and what is compiled from it."""
