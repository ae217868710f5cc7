"""What the error channel says at the end of an exec or an attachment. Source: spec 2.4, 2.12."""

from collections.abc import Sequence
from typing import Any

from fakecri.core.go_json import go_json

JSON_SINCE = 4
"""The first version of the subprotocol whose status is an object, on success too."""


def succeeded(version: int, *, whole: bool = False) -> bytes:
    """Return the status of a success; nothing before version 4.

    Of apimachinery's types it is a `whole` one.
    """
    return _told(version, "", whole=whole, status="Success")


def exited(version: int, command: Sequence[str], exit_code: int, *, whole: bool = False) -> bytes:
    """Return the status of a command that ended with an exit code."""
    if not exit_code:
        return succeeded(version, whole=whole)
    shown = " ".join(command)
    message = (
        "command terminated with non-zero exit code: "
        f"error executing command [{shown}], exit code {exit_code}"
    )
    cause = {"reason": "ExitCode", "message": str(exit_code)}
    details = {"causes": [cause]}
    return _told(
        version,
        message,
        whole=whole,
        status="Failure",
        message=message,
        reason="NonZeroExitCode",
        details=details,
    )


def failed(version: int, text: str, *, whole: bool = False) -> bytes:
    """Return the status of what went wrong before anything ran, or otherwise."""
    message = f"Internal error occurred: {text}"
    fields: dict[str, Any] = {"status": "Failure", "message": message, "reason": "InternalError"}
    if whole:
        fields["details"] = {"causes": [{"message": text}]}
    return _told(version, message, whole=whole, **fields, code=500)


def _told(version: int, plain: str, /, *, whole: bool, **fields: Any) -> bytes:
    metadata: dict[str, Any] = {"metadata": {}} if whole else {}
    text = go_json(metadata | fields) if version >= JSON_SINCE else plain
    return text.encode("utf-8", "surrogateescape")
