"""A page that shows studies while they run: read from their folders, served to a browser.

Imports the packages up to :mod:`tune.reporting`, and Starlette, uvicorn and Plotly.
"""
