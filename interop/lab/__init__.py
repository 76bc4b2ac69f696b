"""The machine that scenarios stand on: namespaces, processes, wires and NAT, and their certain removal."""
