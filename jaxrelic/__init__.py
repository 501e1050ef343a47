"""One photograph of a relic to a 3D mesh, in JAX."""
