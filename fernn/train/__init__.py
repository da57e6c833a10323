"""Training: what a model is trained for (tasks by name), the loop, and evaluation.

``task`` has the protocol, ``tasks`` the tasks by name, ``loop`` the epochs of a ``run``.
"""
