"""Every operation, once; each knows the actor and what it may do."""
