"""The published tables, runs that reproduce them, and the two side by side."""
