"""Tests mirror the tree; what several of them use is in tests/support."""
