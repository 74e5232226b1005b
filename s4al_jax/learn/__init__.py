"""What a device computes from one batch: pure functions, no I/O, no logging."""
