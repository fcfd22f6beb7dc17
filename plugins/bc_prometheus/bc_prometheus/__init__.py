"""bc_prometheus: metrics of a running collector for Prometheus. Importing this package imports nothing else."""

__version__ = "0.1.0"
