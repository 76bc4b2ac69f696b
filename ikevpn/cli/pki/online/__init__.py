"""`ikevpn pki`: the verbs that ask an authority over the network."""
