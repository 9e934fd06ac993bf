"""Which Beam runner the data nodes run on, and what it needs."""
