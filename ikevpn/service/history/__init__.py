"""What happened and what was used: events, the log, calls that were refused, figures."""
