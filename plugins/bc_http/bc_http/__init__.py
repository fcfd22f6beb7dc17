"""bc_http: an archive served over HTTP, and the reader of a served one. Importing this package imports nothing else."""

__version__ = "0.1.0"
