"""Moving one surface onto another: alignment, placement by cameras."""
