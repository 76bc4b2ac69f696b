"""IKEv1 without input or output: datagrams, timers and commands in, effects out. No socket, clock, sleep or randomness of its own."""
