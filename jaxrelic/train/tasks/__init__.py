"""What is trained: one file per kind of model."""
