"""Model families: one folder each, found by being here; there is no list to edit."""
