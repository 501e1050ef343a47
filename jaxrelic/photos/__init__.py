"""What people hand in, as the networks know it."""
