"""What others change on this host, and what DNS says."""
