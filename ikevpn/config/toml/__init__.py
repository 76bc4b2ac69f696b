"""Files, the tables in them, and secrets: what was written, and where."""
