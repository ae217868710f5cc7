"""A kubelet that manages control groups has a tree of its own, of which nothing is left."""

import json
from pathlib import Path

import pytest

from fakecri.kubelet import process
from fakecri.kubelet.cgroups import CgroupTree
from fakecri.kubelet.process import Kubelet
from tests.kubelet.standin import OBEYS, Unborrowed, write_program


def test_it_is_in_each_hierarchy_and_goes_with_all_below_it(tmp_path: Path) -> None:
    for name in ("cpu", "memory"):
        (tmp_path / name / "other").mkdir(parents=True)
    (tmp_path / "cpuacct").symlink_to("cpu")
    tree = CgroupTree("mine", tmp_path)
    tree.make()
    tree.make()
    (tmp_path / "cpu/mine/kubepods/pod1").mkdir(parents=True)
    assert (tmp_path / "memory/mine").is_dir()
    tree.remove()
    tree.remove()
    assert sorted(each.name for each in tmp_path.glob("*/*")) == ["other", "other", "other"]


def test_in_a_unified_hierarchy_it_has_controllers(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    tree = CgroupTree("mine", tmp_path)
    tree.make()
    assert "+cpu" in (tmp_path / "cgroup.subtree_control").read_text()
    (tmp_path / "mine/cgroup.subtree_control").unlink()  # files of a group go with it
    tree.remove()
    assert not (tmp_path / "mine").exists()


def test_a_group_in_which_something_runs_is_left(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    tree = CgroupTree("mine", tmp_path)
    tree.make()
    (tmp_path / "cpu/mine/busy").mkdir()
    (tmp_path / "cpu/mine/busy/process").touch()
    tree.remove()
    assert (tmp_path / "cpu/mine/busy").exists()


@pytest.mark.parametrize(
    ("settings", "root"),
    [
        ({"cgroupsPerQOS": True}, "/fakecri-"),
        ({"cgroupsPerQOS": True, "cgroupRoot": "/theirs"}, "/theirs"),
        ({}, ""),
    ],
)
def test_a_kubelet_that_manages_groups_is_told_its_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], root: str
) -> None:
    monkeypatch.setattr(process, "Borrowed", Unborrowed)
    monkeypatch.setattr(CgroupTree.__init__, "__defaults__", (tmp_path / "cgroup",))
    (tmp_path / "cgroup/cpu").mkdir(parents=True)
    program = write_program(tmp_path / "kubelet", OBEYS)
    with Kubelet(program, "unix:///x.sock", tmp_path / "node", settings=settings) as kubelet:
        told = json.loads(kubelet.places.configuration.read_text()).get("cgroupRoot", "")
        made = [each.name for each in (tmp_path / "cgroup/cpu").iterdir()]
        assert told.startswith(root)
        assert made == ([told[1:]] if root.startswith("/fakecri") else [])
    assert not list((tmp_path / "cgroup/cpu").iterdir())
