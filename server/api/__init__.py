"""HTTP: decode, authenticate, one service call."""
