"""One module a scenario, or a family of them generated from a table. Each has a tuple `SCENARIOS`."""
