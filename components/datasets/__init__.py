"""Public data sets: the catalogue, and fetching with checksums."""
