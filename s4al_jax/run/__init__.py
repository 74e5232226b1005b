"""A run: built from a configuration, checked, and taken through its cycles."""
