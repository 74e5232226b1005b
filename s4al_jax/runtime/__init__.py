"""The processes of a run: how they communicate, stop together, exit, and keep memory."""
