"""Files of weights: what a file is by its content, how it is read without pickled code, and our own checkpoints."""
