"""arq: deliveries and regular work."""
