"""Benchmarks: ikevpn and a peer in the same run, on the same two cores, in turns.

Every figure is measured between two gateways of one kind (ikevpn and ikevpn, strongSwan and strongSwan), each pair in
namespaces of its own, with the same wire, the same load and the same suite. The pairs stand side by side and idle while
the other one works; runs alternate, so that whatever else the machine does meets both. A figure is the median of its
runs, and its ratio that of the two medians.
"""
