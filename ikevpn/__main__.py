"""`python -m ikevpn` is `ikevpn`."""

from ikevpn.cli.main import main

if __name__ == "__main__":
    main()
