"""Reading multipart/form-data, as the SDK's workspace.upload sends it. https://www.rfc-editor.org/rfc/rfc7578."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP

from localdev.workspace.errors import malformed
from localdev.workspace.json_fields import Document

FILE_FIELD = "content"


def read(content_type: str, body: bytes) -> Document:
    """Return the fields of a form as a JSON body would have them, the file's bytes as `content`; raises ApiError."""
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode("latin-1", "replace")
    try:
        message = BytesParser(policy=HTTP).parsebytes(head + body)
    except RecursionError as error:  # parts inside of parts
        raise malformed("the form in the body of the request is nested too deeply") from error
    if not message.is_multipart() or message.defects:
        raise malformed("the form in the body of the request is broken")
    document: Document = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(value, bytes):
            raise malformed("a part of the form in the body of the request has no name, or parts of its own")
        document[name] = value if name == FILE_FIELD else _text(value)
    return document


def _text(value: bytes) -> str | bool:
    text = value.decode("utf-8", "replace")
    return {"true": True, "false": False}.get(text, text)
