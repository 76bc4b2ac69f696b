"""Configuration: TOML to values, with errors that name file, table, key, what is allowed and what was probably meant."""
