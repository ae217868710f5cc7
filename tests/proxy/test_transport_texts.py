"""What the library beneath says of a connection, as a client of grpc-go would see it."""

import pytest

from fakecri.errors import Code
from fakecri.relay import as_grpc_go

SOCKET = "/run/c.sock"
DIALLING = "failed to connect to all addresses; last error: "
ABSENT = (
    'connection error: desc = "transport: Error while dialing: '
    'dial unix /run/c.sock: connect: no such file or directory"'
)


EOF = "error reading from server: EOF"
RESET = "stream terminated by RST_STREAM with error code: "
SAID = {
    f"{DIALLING}FAILED_PRECONDITION: unix:{SOCKET}: connect failed: addr: unix:{SOCKET} error: "
    "No such file or directory": ABSENT,
    f"{DIALLING}UNKNOWN: unix:{SOCKET}: Failed to connect to remote host: connect: "
    "No such file or directory (2)": ABSENT,
    "Socket closed": EOF,
    "recvmsg:Connection reset by peer": EOF,
    "Stream removed (recvmsg:Connection reset by peer (104))": EOF,
    "GOAWAY received; Error code: 2; Debug Text: bye": EOF,
    "Received RST_STREAM with error code 7": f"{RESET}REFUSED_STREAM",
    "Received RST_STREAM with error code 99": f"{RESET}99",
    "the runtime itself is not ready": "the runtime itself is not ready",
}


@pytest.mark.parametrize("text", SAID)
def test_what_is_said_of_a_connection(text: str) -> None:
    assert as_grpc_go(text, Code.UNAVAILABLE, SOCKET) == SAID[text]


def test_a_stream_that_is_reset_has_its_name_under_any_code() -> None:
    text = "Received RST_STREAM with error code 8"
    expected = "stream terminated by RST_STREAM with error code: CANCEL"
    assert as_grpc_go(text, Code.CANCELLED, SOCKET) == expected


def test_what_is_no_matter_of_connections_stays() -> None:
    assert as_grpc_go("Socket closed", Code.UNKNOWN, SOCKET) == "Socket closed"
