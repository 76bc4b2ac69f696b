"""The only way in which octets of a peer are touched: bounded reading, and writing."""
