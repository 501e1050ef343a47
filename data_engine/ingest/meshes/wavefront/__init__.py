"""OBJ and MTL."""
