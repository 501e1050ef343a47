"""Single photographs, wherever they are stored."""
