"""What a search leans on beside Ray: databases and MLflow servers, and what is wrong with them.

Imports :mod:`tune.core`.
"""
