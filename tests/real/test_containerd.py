"""The containerd of the tests takes away what is its own, and nothing of others."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from tests.real.containerd import mortal_containerd, obstacles
from tests.requirements import skip_for

pytestmark = pytest.mark.real


def test_who_has_copies_of_its_mounts_outlives_it() -> None:
    skip_for(obstacles())
    metadata = pb.PodSandboxMetadata(name="mounts", namespace="real", uid="1")
    with mortal_containerd() as (address, tell), connect(address.endpoint) as channel:
        linux = pb.LinuxPodSandboxConfig(cgroup_parent=address.cgroup_parent)
        pod = pb.PodSandboxConfig(metadata=metadata, linux=linux)
        runtime_stub(channel).RunPodSandbox(pb.RunPodSandboxRequest(config=pod))
        home = str(Path(address.endpoint.removeprefix("unix://")).parent)
        made = ["unshare", "--mount", "sh", "-c", "echo made; exec sleep 600"]
        other = subprocess.Popen(made, stdout=subprocess.PIPE)
        assert other.stdout is not None
        assert other.stdout.readline() == b"made\n"
        assert home in Path(f"/proc/{other.pid}/mountinfo").read_text()
        tell("kill")  # else its pods are removed first, and their mounts everywhere
    with other:
        assert other.poll() is None
        other.kill()
    assert not Path(home).exists()
