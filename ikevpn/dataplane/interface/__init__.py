"""The SA plane: verbs, events and queries in XFRM's words, whichever data plane stands behind them."""
