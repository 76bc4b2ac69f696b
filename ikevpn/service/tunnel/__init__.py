"""Tunnels at work: what is wanted of each, what it is, and where its keys come from."""
