"""Learners, each built from the pieces in learn."""
