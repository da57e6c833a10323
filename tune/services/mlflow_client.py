"""MLflow's client for a driver: without retries, with a short timeout, and silent on standard output.

The import takes seconds, so commands import this module only when they need it.
"""

import logging
import os

from mlflow import MlflowClient

__all__ = ["MlflowClient"]

logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # logs every database error with a traceback
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # a retried request may be recorded twice
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # the command's standard output may be JSON
