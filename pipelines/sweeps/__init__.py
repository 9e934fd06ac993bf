"""Sweeps as users see them: started, watched and steered, here or on a cluster."""
