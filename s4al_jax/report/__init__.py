"""What people look at: tables and figures, made from files and arrays."""
