"""Configuration: TOML to values, with errors that name place, value, what is allowed and what was meant."""
