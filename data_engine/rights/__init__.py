"""What may be published of a relic, and under which licence."""
