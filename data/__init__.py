"""Data sets as Arrow: acquired once, described by a manifest, streamed by Ray Data."""
