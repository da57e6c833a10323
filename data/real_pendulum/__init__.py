"""The pendulum that Schmidt and Lipson filmed: their file, or one in its format that is made here."""
