"""What the service form raises besides the stub's `grpc.RpcError`."""

from collections.abc import Sequence


class IncompleteResponse(ValueError):  # noqa: N818  # it says what was received
    """A successful answer lacks what every runtime must fill; the text names it."""


class ExitError(Exception):
    """The command of `exec_sync` ran, and its exit code is not 0; 128+n: signal n killed it."""

    def __init__(
        self, stdout: bytes, stderr: bytes, exit_code: int, cmd: Sequence[str] = ()
    ) -> None:
        super().__init__(stdout, stderr, exit_code, cmd)
        self.stdout = stdout
        self.stderr = stderr
        self.exit_code = exit_code
        self.cmd = tuple(cmd)

    def __str__(self) -> str:
        said = self.stderr.decode(errors="replace")
        return f"command '{' '.join(self.cmd)}' exited with {self.exit_code}: {said}"
