"""A live page of an archive, for the HTTP server."""
