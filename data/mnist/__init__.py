"""MNIST: digits as Arrow, and sequences of digits that move."""
