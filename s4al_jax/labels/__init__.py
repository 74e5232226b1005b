"""Annotations: who gives them, and how what was paid for is kept."""
