"""Make the generated files of this package anew, or check that they are what `runtime.proto` says.

Run `python -m fakecri.api.regenerate`, with `--check` to compare only (exit status 1: they differ).
Needs the `dev` extra.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.descriptor_pb2 import FileDescriptorSet

HERE = Path(__file__).parent
POOL_STUB = """
# The pool of this file alone; see runtime_pb2.py.
POOL: _descriptor_pool.DescriptorPool
"""


def generate() -> dict[str, bytes]:
    """Return the generated files: name to content."""
    with TemporaryDirectory() as directory:
        descriptors = Path(directory, "set.binpb")
        subprocess.run(  # noqa: S603  # protoc, with arguments of our own
            [
                sys.executable,
                "-m",
                "grpc_tools.protoc",
                f"--proto_path={HERE}",
                f"--plugin=protoc-gen-mypy={Path(sys.executable).with_name('protoc-gen-mypy')}",
                f"--mypy_out=quiet:{directory}",
                f"--descriptor_set_out={descriptors}",
                "runtime.proto",
            ],
            check=True,
        )
        (file,) = FileDescriptorSet.FromString(descriptors.read_bytes()).file
        stub = Path(directory, "runtime_pb2.pyi").read_text()
    stub = stub.replace(
        "from google.protobuf import descriptor as _descriptor\n",
        "from google.protobuf import descriptor as _descriptor\n"
        "from google.protobuf import descriptor_pool as _descriptor_pool\n",
    )
    return {
        "runtime.binpb": file.SerializeToString(deterministic=True),
        "runtime_pb2.pyi": (stub + POOL_STUB).encode(),
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with `--check` name those that differ; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args(arguments)
    stale = {
        name: content
        for name, content in generate().items()
        if not (HERE / name).exists() or (HERE / name).read_bytes() != content
    }
    for name, content in stale.items():
        sys.stdout.write(f"{'differs' if options.check else 'wrote'}: {name}\n")
        if not options.check:
            (HERE / name).write_bytes(content)
    return int(options.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
