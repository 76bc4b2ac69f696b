"""What the kernel is told and asked about our own sockets and processes, whichever data plane runs."""
