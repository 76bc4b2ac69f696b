"""IKEv1 without input or output: datagrams, timers and commands in, effects out.

No socket, no clock, no sleep, no randomness of its own.
"""
