"""`ikevpn pki`: keys, requests and certificates, a file a verb. Needs no daemon and no network, but for `fetch-crl`."""
