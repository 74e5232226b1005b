"""What there is in a dataset, what is wrong with it, and what only looks wrong."""
