"""The SA plane and the port of IKE's datagrams, whichever data plane stands behind them (`dataplane.planes`)."""
