"""The host's own network: addresses, routes, names; changed by plans that can be undone. Knows no IKE, no ESP."""
