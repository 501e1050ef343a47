"""From a trained export and a photograph to views and meshes."""
