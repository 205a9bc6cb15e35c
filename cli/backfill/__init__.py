"""`landfall backfill`: ask for a backfill, go through it here or leave it to the service, look at them."""
