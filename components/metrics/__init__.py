"""Ranking and rating metrics: pure functions on arrays."""
