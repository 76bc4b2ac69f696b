"""The command line: one file a verb, output for people and `--json`. Talks to the daemon, decides nothing itself."""
