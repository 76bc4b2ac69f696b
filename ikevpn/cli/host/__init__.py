"""Verbs for this host: its configuration, the daemon, and blocks while there is none."""
