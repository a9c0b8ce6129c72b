"""What the MLflow server of the store can do, by its version."""

import logging
import re
from functools import cache

from fmask.tracking.environment import import_mlflow
from fmask.utils.errors import UserError
from fmask.utils.secrets import without_secrets

OLDEST = (2, 4)
"""The oldest version of a server that stores everything that a run logs; earlier ones have no datasets."""
LOGGED_MODELS = (3, 0)
"""The first version with logged models, which are stored apart from the artifacts of their run."""

log = logging.getLogger(__name__)


def has_logged_models(uri: str) -> bool:
    """Return whether the store keeps logged models; if not, a model is stored as artifacts of its run."""
    version = server_version(uri)
    return version is None or version >= LOGGED_MODELS


@cache
def check_server(uri: str) -> None:
    """Check the version of a server, and warn of what it lacks; once in a process.

    Raises:
        UserError: the server is too old.
    """
    version = server_version(uri)
    if version is None or version >= LOGGED_MODELS:
        return
    name = f"The MLflow server at {without_secrets(uri)} has version {version[0]}.{version[1]}"
    if version < OLDEST:
        raise UserError(f"{name}; it must be at least {OLDEST[0]}.{OLDEST[1]}: update the server or use another.")
    log.warning("%s, which has no logged models: each network is stored as artifacts of its run, in model/.", name)


@cache
def server_version(uri: str) -> tuple[int, int] | None:
    """Return the major and minor version of the server at `uri`.

    Returns:
        None for a store that is not a server, or a server that does not report its version, such as Databricks: these
        have what the installed MLflow has.

    Raises:
        Exception: the server cannot be reached.
    """
    if not uri.startswith(("http://", "https://")):
        return None
    import_mlflow()
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    response = http_request(get_default_host_creds(uri), "/version", "GET")
    found = re.match(r"(\d+)\.(\d+)", response.text) if response.status_code == 200 else None
    return (int(found[1]), int(found[2])) if found else None
