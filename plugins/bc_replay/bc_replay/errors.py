"""What bc_replay raises on bad input."""


class RecordingError(ValueError):
    """A recording cannot be read. The message names the file, the line where there is one, and what to do."""
