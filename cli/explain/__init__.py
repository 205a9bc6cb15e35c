"""`landfall explain`: what a path would do, and why it would not, by the code that decides in production."""
