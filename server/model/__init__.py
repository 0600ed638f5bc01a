"""Records of the server: no I/O."""
