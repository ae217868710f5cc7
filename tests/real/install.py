"""Finds the real tools the suite drives, and installs what is missing.

    python tests/real/install.py             find, build or install; one line for each tool
    python tests/real/install.py --require   the same, and fail where a tool is still missing

crictl, its tests, critest, grpcurl and two kubelets are built from their Go modules into
`.tools/bin` of the repository, which takes minutes where Go has not built them before. containerd,
runc, the CNI plugins, a static busybox and chromium are Debian's packages; installing them needs
root. No service is started.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".tools" / "bin"
COMMAND = "python tests/real/install.py"

CRI_TOOLS = "sigs.k8s.io/cri-tools"
CRI_TOOLS_VERSION = "v1.36.0"
CRI_TOOLS_LATER = "v1.37.0"  # it tests metrics, image volumes, NRI and traces as well
CRI_TOOLS_OLD = "v1.30.0"  # the oldest that is to be had
CRI_CLIENT_VERSION = "v0.36.0"
KUBELET_VERSION = "v1.36.3"
KUBELET_VERSION_OLD = "v1.35.4"
KUBELETS = {KUBELET_VERSION: "kubelet", KUBELET_VERSION_OLD: "kubelet-old"}
"""The tools that are kubelets, by the versions of Kubernetes."""
ETCD_VERSION = "v3.6.8"
CNI_BIN = Path("/usr/lib/cni")
POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True)
class Package:
    """A Debian package, and the file that tells it is there."""

    name: str
    proof: Path


PACKAGES = {
    "containerd": Package("containerd", Path("/usr/bin/containerd")),
    "runc": Package("runc", Path("/usr/sbin/runc")),
    "cni-plugins": Package("containernetworking-plugins", CNI_BIN / "bridge"),
    "busybox": Package("busybox-static", Path("/bin/busybox")),
    "ip": Package("iproute2", Path("/sbin/ip")),
    "chromium": Package("chromium", Path("/usr/bin/chromium")),
}
COMPILERS = {
    "go": Path("/usr/local/go/bin/go"),
    "cargo": Path.home() / ".cargo" / "bin" / "cargo",
    "node": Path("/usr/bin/node"),
    "npm": Path("/usr/bin/npm"),
}
"""What is for whoever owns the machine to choose: where each may be, if it is not on PATH."""
OURS = Path(__file__).parent / "go"


@dataclass(frozen=True)
class Program:
    """What is built of a module: its package, Go's arguments for it, and the version."""

    package: str
    arguments: tuple[str, ...]
    version: str = CRI_TOOLS_VERSION
    module: str = CRI_TOOLS
    variable: str = f"{CRI_TOOLS}/pkg/version.Version"
    """The one that holds its version."""
    source: Path | None = None
    """Where the module is, if it is one of ours."""

    @property
    def stamp(self) -> str:
        """The linker's flags, which tell the program its version."""
        return f"-s -w -X {self.variable}={self.version}"


def _kubelet(version: str) -> Program:
    """A kubelet: our module of its minor pins the published modules of what its tree replaces."""
    return Program(
        "k8s.io/kubernetes/cmd/kubelet",
        ("build",),
        version,
        variable="k8s.io/component-base/version.gitVersion",
        source=OURS / f"kubelet-{version.removeprefix('v').rpartition('.')[0]}",
    )


_TEST = ("test", "-c", "-vet=off")  # some programs are Go tests
PROGRAMS = {
    "crictl": Program("./cmd/crictl", ("build",)),
    "critest": Program("./cmd/critest", _TEST),
    "crictl-tests": Program("./test/e2e", _TEST),
    "crictl-tests-later": Program("./test/e2e", _TEST, CRI_TOOLS_LATER),
    "critest-later": Program("./cmd/critest", _TEST, CRI_TOOLS_LATER),
    "crictl-old": Program(
        "./cmd/crictl",
        ("build",),
        CRI_TOOLS_OLD,
        variable="github.com/kubernetes-sigs/cri-tools/pkg/version.Version",
    ),
    "crictl-later": Program("./cmd/crictl", ("build",), CRI_TOOLS_LATER),
    "grpcurl": Program(
        "./cmd/grpcurl", ("build",), "v1.9.3", "github.com/fullstorydev/grpcurl", "main.version"
    ),
    # critest runs the one it finds on PATH, by this name.
    "ginkgo": Program("github.com/onsi/ginkgo/v2/ginkgo", ("build",), CRI_TOOLS_LATER),
    "kubelet": _kubelet(KUBELET_VERSION),
    "kubelet-old": _kubelet(KUBELET_VERSION_OLD),
    "kube-apiserver": Program(
        "k8s.io/kubernetes/cmd/kube-apiserver",
        ("build",),
        KUBELET_VERSION,
        variable="k8s.io/component-base/version.gitVersion",
        source=OURS / "cluster",
    ),
    "etcd": Program("go.etcd.io/etcd/server/v3", ("build",), ETCD_VERSION, source=OURS / "cluster"),
    "gofake": Program(".", ("build",), CRI_CLIENT_VERSION, source=OURS / "gofake"),
    "standin": Program(".", ("build",), "1", source=OURS / "standin"),
}
ON_PATH = ("crictl", "critest")
"""Those that say their version and may be there already; of others, their directory tells it."""
BY_HAND = ("kube-apiserver", "etcd")
"""Those that no test drives: `python -m tests.real.cluster` builds them."""
TOOLS = (*(name for name in PROGRAMS if name not in BY_HAND), *PACKAGES)
ALL = (*COMPILERS, *TOOLS)


@dataclass(frozen=True)
class Tool:
    """Where a tool is, or why it is not there."""

    name: str
    path: Path | None
    how: str

    def __str__(self) -> str:
        return f"{self.name}: {self.how}" + (f" {self.path}" if self.path else "")


def find(name: str) -> Tool:
    """The tool as it is on this machine; nothing is installed."""
    if name in COMPILERS:
        return _find_compiler(name)
    return _find_program(name) if name in PROGRAMS else _find_package(name)


def provide(name: str) -> Tool:
    """The tool, built or installed where it is missing and can be."""
    tool = find(name)
    if tool.path is not None or name in COMPILERS:
        return tool
    return _build_program(name) if name in PROGRAMS else _install_package(name)


def missing(*names: str) -> list[str]:
    """A sentence for each of these tools that is not there; empty when all are."""
    tools = [find(name) for name in names]
    return [f"{tool} (`{COMMAND}` installs it)" for tool in tools if tool.path is None]


def _find_program(name: str) -> Tool:
    version = PROGRAMS[name].version
    place = _place(name)
    if name not in ON_PATH:
        found = place.exists()
        return Tool(name, place if found else None, "found" if found else f"missing: no {place}")
    on_path = shutil.which(name)
    candidates = [place, *([Path(on_path)] if on_path else [])]
    reasons = []
    for candidate in candidates:
        found_version = _version_of(candidate)
        if found_version == version:
            return Tool(name, candidate, "found")
        reasons.append(f"{candidate} is {found_version}")
    return Tool(name, None, f"missing: {version} wanted, " + ", ".join(reasons))


def _place(name: str) -> Path:
    return BIN / name if name in ON_PATH else BIN / PROGRAMS[name].version / name


def _find_compiler(name: str) -> Tool:
    usual = COMPILERS[name]
    path = shutil.which(name) or (str(usual) if usual.exists() else None)
    return Tool(name, Path(path), "found") if path else Tool(name, None, "missing: not on PATH")


def _version_of(path: Path) -> str:
    try:
        answer = subprocess.run([path, "--version"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "not there"
    words = answer.stdout.partition("\n")[0].split()
    return words[-1] if words else "of no version"


def _build_program(name: str) -> Tool:
    go = _find_compiler("go").path
    if go is None:
        return Tool(name, None, "missing: no go on PATH to build it with")
    try:
        _go_build(str(go), PROGRAMS[name], _place(name))
    except subprocess.CalledProcessError as failure:
        return Tool(name, None, f"missing: {_last_line(failure)}")
    return Tool(name, _place(name), "built")


def _go_source(go: str, program: Program) -> Path:
    """The directory of the module's source.

    `go install module@version` would do, but it asks the proxy for the list of all versions as
    well, which a restricted proxy refuses.
    """
    module = f"{program.module}@{program.version}"
    query = [go, "mod", "download", "-json", module]
    subprocess.run(query, check=True, capture_output=True, text=True, cwd="/")
    place = subprocess.run(
        [go, "env", "GOMODCACHE"], check=True, capture_output=True, text=True, cwd="/"
    )
    return Path(place.stdout.strip()) / module


def _go_build(go: str, program: Program, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    made = place.with_name(f"{place.name}.{os.getpid()}")
    flags = ["-trimpath", "-ldflags", program.stamp, "-mod=readonly"]
    subprocess.run(
        [go, *program.arguments, *flags, "-o", made, program.package],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"CGO_ENABLED": "0"},  # containers have no libraries
        cwd=program.source or _go_source(go, program),
    )
    made.replace(place)  # at once: half a program would be found, too


def _find_package(name: str) -> Tool:
    package = PACKAGES[name]
    if package.proof.exists():
        return Tool(name, package.proof, "found")
    return Tool(name, None, f"missing: no {package.proof}, Debian package {package.name}")


def _install_package(name: str) -> Tool:
    apt_get = shutil.which("apt-get")
    reason = _obstacle_to_apt(apt_get)
    if reason or apt_get is None:
        return Tool(name, None, f"missing: {reason}")
    try:
        _apt_install(apt_get, PACKAGES[name].name)
    except subprocess.CalledProcessError as failure:
        return Tool(name, None, f"missing: {_last_line(failure)}")
    tool = find(name)
    return tool if tool.path is None else Tool(name, tool.path, "installed")


def _obstacle_to_apt(apt_get: str | None) -> str:
    if apt_get is None:
        return "no apt-get here"
    return "" if os.geteuid() == 0 else "installing a package needs root"


def _apt_install(apt_get: str, package: str) -> None:
    install = [apt_get, "install", "-y", "--no-install-recommends", package]
    with _no_services():
        try:
            _quietly(install)
        except subprocess.CalledProcessError:
            _quietly([apt_get, "update"])  # the lists are absent or stale
            _quietly(install)


def _quietly(command: list[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    subprocess.run(command, check=True, capture_output=True, text=True, env=environment)


@contextmanager
def _no_services() -> Iterator[None]:
    """Forbids the packages to start their services while they are installed."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _last_line(failure: subprocess.CalledProcessError) -> str:
    lines = str(failure.stderr or "").strip().splitlines()
    return lines[-1] if lines else str(failure)


def main() -> int:
    """Prints a line for each tool; 1 if `--require` is given and one is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--require", action="store_true", help="fail where a tool is missing")
    arguments = parser.parse_args()
    tools = [provide(name) for name in ALL]
    for tool in tools:
        print(tool)  # noqa: T201  # this is its output
    return int(arguments.require and any(tool.path is None for tool in tools))


if __name__ == "__main__":
    sys.exit(main())
