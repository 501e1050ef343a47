"""What the names of files promise; their content decides."""

SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl")
"""Names that promise a mesh."""
ZIP = ".zip"
"""Opened for the meshes in it."""
ARCHIVES = (ZIP, ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")
"""Archives of any kind."""
MANIFEST = "manifest.json"
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".tga", ".bmp", ".tif", ".tiff", ".svg")
COMPANIONS = (*PICTURES, ".mtl", ".bin", ".md", ".txt", ".csv")
"""What commonly lies beside meshes and is no mesh: passed over without a word."""
UP_OF_FORMAT = {".glb": "Y", ".gltf": "Y", ".obj": "Y", ".ply": "Z", ".stl": "Z"}
"""Up by definition of glTF, by custom of the others; a manifest or `--up` knows better."""
