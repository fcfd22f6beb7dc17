"""A bcore store that keeps an archive in one SQLite file."""
