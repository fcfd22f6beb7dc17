"""A bcore plugin to start from: the view `notional`."""
