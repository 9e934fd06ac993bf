"""Nearest-neighbour layers that live inside a SavedModel."""
