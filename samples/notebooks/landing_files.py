"""How the sample notebooks read what landed and write what they made of it.

Locally `file_path` is an Azurite address and LANDING_CONNECTION says how to sign in. In a Databricks workspace a
notebook would say `spark.read.csv(file_path)` and `df.write` instead: `file_path` is an abfss:// address there.
"""

import csv
import io
import json
import os
from urllib.parse import unquote, urlsplit

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient


def read_rows(file_path):
    """Return a CSV file's rows as dictionaries."""
    return list(csv.DictReader(io.StringIO(read_text(file_path))))


def read_text(file_path):
    """Return a blob's text."""
    container, name = _place(file_path)
    return _service().get_blob_client(container, name).download_blob().readall().decode("utf-8-sig")


def write_result(file_path, job, result):
    """Write a result as JSON to the container `curated`, under the name of the file it was made from."""
    container, name = _place(file_path)
    target = f"{job}/{container}/{name}.json"
    service = _service()
    try:
        service.create_container("curated")
    except ResourceExistsError:
        pass
    text = json.dumps(result, indent=2, sort_keys=True)
    service.get_blob_client("curated", target).upload_blob(text, overwrite=True)
    return f"curated/{target}"


def number(text):
    """Return a cell's number, or None when it holds none."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _service():
    return BlobServiceClient.from_connection_string(os.environ["LANDING_CONNECTION"])


def _place(file_path):
    # http://127.0.0.1:10000/devstoreaccount1/<container>/<name>
    _, _, container, name = urlsplit(file_path).path.split("/", 3)
    return unquote(container), unquote(name)
