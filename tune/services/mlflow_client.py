"""MLflow's client, set up for a driver: it asks once, gives up soon, and leaves standard output to us.

Importing it takes seconds, so commands import it when they need it.
"""

import logging
import os

from mlflow import MlflowClient

__all__ = ["MlflowClient"]

logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # says every error of a database with a traceback
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # what is sent twice may be there twice: we look first
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # standard output is ours, and may be JSON
