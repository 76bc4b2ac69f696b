"""What binds a tunnel to this host: routes, rules, devices and policies, planned and carried out."""
