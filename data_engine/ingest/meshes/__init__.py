"""OBJ, PLY and STL read as people write them: shape, colours and pictures, with notes on gaps."""
