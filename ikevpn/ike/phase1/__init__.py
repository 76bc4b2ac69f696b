"""Main mode and aggressive mode, and who may begin one."""
