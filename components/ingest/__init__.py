"""Raw files to Examples: readers, splits and the TFX component around them."""
