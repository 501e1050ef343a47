"""First and last surface of a mesh with colour, lit in NumPy: training views in milliseconds."""
