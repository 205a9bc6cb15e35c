"""Who asks, and what they may do: signing in, identities, and permissions on jobs."""
