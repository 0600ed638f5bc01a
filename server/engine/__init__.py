"""The one writer of each partition."""
