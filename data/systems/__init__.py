"""Small physical systems: their states, generated."""
