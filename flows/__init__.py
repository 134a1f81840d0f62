"""Prefect flows: each reads as the list of its steps. ``python -m flows.pipeline --help`` tells more."""

import gc
import os
import sys

from flows.proxies import spare_loopback
from ftcore.base.interruption import Interruption

if sys.argv[:1] == [
    "-m"
]:  # only while `python -m flows.NAME` starts: Ctrl-C is answered from the first moment on
    Interruption().install()
    gc.set_threshold(200_000, 20, 100)  # a quarter of the time of the imports goes into looking for garbage
# Before Prefect or MLflow is imported: nobody is told that this pipeline runs.
for _name, _value in {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the page has it all; the terminal has ours
    "PREFECT_LOGGING_EXTRA_LOGGERS": "ftcore",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}.items():
    os.environ.setdefault(_name, _value)
os.environ.update(spare_loopback(os.environ))
