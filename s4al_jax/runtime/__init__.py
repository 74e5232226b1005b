"""The processes of a run: how they work together, stop, and use memory."""
