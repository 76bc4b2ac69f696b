"""Every key of the configuration, described once."""
