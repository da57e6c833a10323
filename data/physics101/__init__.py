"""Physics 101: objects that slide down a ramp."""
