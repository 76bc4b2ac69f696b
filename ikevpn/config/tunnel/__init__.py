"""From the tables of a file to complete tunnels and to the settings of the daemon."""
