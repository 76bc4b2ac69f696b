"""What a process of ours gives up for good: user, root, capabilities, system calls."""
