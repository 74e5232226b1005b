"""Options: their defaults, how names become factories, and where configuration files are found."""
