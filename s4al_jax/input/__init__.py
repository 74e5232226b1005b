"""Which images come next, and how they reach the device."""
