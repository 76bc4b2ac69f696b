"""The daemon: wires engine, data plane and host together, keeps tunnels as they are wanted, and answers the command
line.
"""
