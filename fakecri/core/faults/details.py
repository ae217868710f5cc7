"""The details of an error: what goes with it as `grpc-status-details-bin`.

Clients of gRPC read them as a google.rpc.Status, with messages of any type: `status.Details()` in
Go, `grpc_status.rpc_status.from_call` in Python.
"""

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import Parse, ParseError
from google.rpc import error_details_pb2 as _known_types  # noqa: F401  # so that they can be named
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from fakecri.errors import Code, UsageError

DOMAIN = "fakecri.dev"


def encoded_details(code: Code, text: str, details: str) -> bytes:
    """Return an encoded google.rpc.Status. UsageError where `details` is no detail.

    `details` is the JSON of a message with its `@type`, such as
    `{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5s"}`. A text that is no
    object is the reason of an ErrorInfo.
    """
    status = Status(code=int(code), message=text, details=[_detail(details)])
    return status.SerializeToString(deterministic=True)


def _detail(details: str) -> AnyMessage:
    detail = AnyMessage()
    if not details.lstrip().startswith("{"):
        detail.Pack(ErrorInfo(reason=details, domain=DOMAIN))
        return detail
    try:
        Parse(details, detail)
    except (ParseError, TypeError, ValueError) as error:
        raise UsageError(f"these details are no message in JSON: {error}") from None
    return detail
