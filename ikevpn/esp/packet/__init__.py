"""What is read of packets and done to them beside the algorithms: selectors, transport mode, reasons to drop."""
