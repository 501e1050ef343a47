"""A folder or an archive becomes relics of the catalog."""
