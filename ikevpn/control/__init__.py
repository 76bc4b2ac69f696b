"""The control protocol: messages, the socket that speaks it, and the client of the command line."""
