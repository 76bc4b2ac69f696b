"""UDP port 500: its sockets, the queue of first messages, and ICMP errors."""
