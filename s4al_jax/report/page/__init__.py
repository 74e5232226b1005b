"""The page of a run: one file that fetches nothing."""
