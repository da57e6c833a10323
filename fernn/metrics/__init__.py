"""Metrics of predictions: pure functions of what was predicted and what is true."""
