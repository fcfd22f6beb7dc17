"""A bcore transport over a TCP connection."""
