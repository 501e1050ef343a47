"""GLB and glTF by our own means: read, check, pack and write, before any 3D program looks."""
