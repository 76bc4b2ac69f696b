"""Verbs for tunnels."""
