"""Proof against real peers: namespaces, NAT boxes, other implementations and the scenarios that bring them together.

    python -m interop list                 what there is
    python -m interop run NAME... | all    run scenarios; the last line is `PASS n/n` or `FAIL k/n: names`
    python -m interop shell NAME           leave a scenario's topology standing for a person to look at

ikevpn is driven through its command line alone; nothing here imports the package.
"""
