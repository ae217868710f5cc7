"""What the error channel says, to the byte. Source: spec streaming 2.12."""

import pytest

from fakecri.core.streaming import statuses

COMMAND = ("sh", "-c", "a > b && <é>")


@pytest.mark.parametrize("version", [4, 5])
def test_a_status_is_written_as_go_does(version: int) -> None:
    assert statuses.succeeded(version) == b'{"status":"Success"}'
    assert statuses.exited(version, COMMAND, 0) == b'{"status":"Success"}'
    assert statuses.exited(version, COMMAND, 255).decode() == (
        '{"status":"Failure","message":"command terminated with non-zero exit code: error '
        r"executing command [sh -c a \u003e b \u0026\u0026 \u003cé\u003e], exit code 255"
        '","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"255"}]}}'
    )
    assert statuses.failed(version, 'no "x"').decode() == (
        r'{"status":"Failure","message":"Internal error occurred: no \"x\"",'
        '"reason":"InternalError","code":500}'
    )


@pytest.mark.parametrize("version", [1, 2, 3])
def test_before_version_4_a_failure_is_a_sentence_and_a_success_nothing(version: int) -> None:
    assert statuses.succeeded(version) == statuses.exited(version, COMMAND, 0) == b""
    assert statuses.exited(version, COMMAND, 1).decode() == (
        "command terminated with non-zero exit code: error executing command "
        "[sh -c a > b && <é>], exit code 1"
    )
    assert statuses.failed(version, "no") == b"Internal error occurred: no"
