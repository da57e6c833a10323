"""Training: what a model is trained for (tasks by name), the loop, and evaluation.

``task`` has the protocol, ``run`` the tasks by name and a model in training, ``loop`` its epochs.
"""
