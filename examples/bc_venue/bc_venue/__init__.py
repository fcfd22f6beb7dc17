"""A bcore exchange, and a source of its ticks."""
