"""Sweeps: the best settings of a family, from trials that run in parallel."""
