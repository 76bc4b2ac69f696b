"""The kernel's own verbs: rtnetlink, and nftables with the one table that is ours."""
