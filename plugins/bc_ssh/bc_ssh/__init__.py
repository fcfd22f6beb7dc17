"""bc_ssh: an archive on another machine, reached by your own ssh. Importing this package imports nothing else."""

__version__ = "0.1.0"
