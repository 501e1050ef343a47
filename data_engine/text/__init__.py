"""What is read on a terminal or a page: escaping, quantities in words, progress bars."""
