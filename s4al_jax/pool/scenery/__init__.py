"""Street scenes drawn by code: weather, a canvas in perspective, and what stands in it."""
