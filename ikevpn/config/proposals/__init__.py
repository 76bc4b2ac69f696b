"""Names of proposals as people write them, and what was probably meant by others."""
