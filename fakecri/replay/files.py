"""Recordings in files."""

from pathlib import Path

from fakecri.core.recording import Recording
from fakecri.errors import UsageError


def read_recording(path: Path | str) -> Recording:
    """Return a recording from a file; a last line that was cut off is left out.

    UsageError where it cannot be read, RecordingError where it is no recording.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise unreadable(error) from error
    return Recording.parse(content.split(b"\n"), tolerant=True)


def open_text(path: Path) -> str:
    """Return what a file says. UsageError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error.reason}") from error


def unreadable(error: OSError) -> UsageError:
    """Say why a file cannot be read or written."""
    return UsageError(error.strerror or str(error))
