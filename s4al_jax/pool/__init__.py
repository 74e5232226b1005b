"""What images there are, what is known about them, and who is asked. Numpy only."""
