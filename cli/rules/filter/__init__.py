"""`landfall rules filter`: what an event subscription must let through, and whether it does."""
