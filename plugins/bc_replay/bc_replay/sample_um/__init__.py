"""The bundled sample of USD-M futures: see `bc_replay.sample.paths`, and CREDITS.md."""
