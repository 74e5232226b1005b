"""Runs things: training, evaluation, scoring, checkpoints, journals."""
