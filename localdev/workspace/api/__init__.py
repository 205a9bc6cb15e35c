"""The APIs over HTTP: the door, an endpoint per kind of request, and the shapes of their answers."""
