"""Two depth layers of one photograph: from its outline, and closed to a mesh."""
