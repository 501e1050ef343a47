"""Hot paths beside a named peer: one file each, JSON on stdout."""
