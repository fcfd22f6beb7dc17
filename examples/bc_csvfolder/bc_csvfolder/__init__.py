"""A bcore source that reads a folder of CSV files."""
