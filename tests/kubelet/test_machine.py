"""What kubelets change of the machine is put back by the last one."""

import json
import subprocess
from pathlib import Path

import pytest

from fakecri.kubelet import machine
from fakecri.kubelet.machine import (
    SYSCTLS,
    WATCHES,
    WATCHES_ENOUGH,
    Borrowed,
    Ledger,
    MachineError,
)


@pytest.fixture
def proc_sys(tmp_path: Path) -> Path:
    """Return a directory that stands for /proc/sys."""
    for name in (*SYSCTLS, WATCHES):
        place = tmp_path / "sys" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("0\n")
    return tmp_path / "sys"


def values(proc_sys: Path) -> set[str]:
    """Return the values that sysctls have."""
    return {(proc_sys / name).read_text().strip() for name in SYSCTLS}


def change(proc_sys: Path) -> None:
    """Do as a kubelet does."""
    for name in SYSCTLS:
        (proc_sys / name).write_text("10")


def test_the_last_one_puts_sysctls_back(tmp_path: Path, proc_sys: Path) -> None:
    first, second = (Ledger(tmp_path / "ledger", proc_sys) for _ in range(2))
    first.enter()
    change(proc_sys)
    second.enter()
    first.leave()
    assert values(proc_sys) == {"10"}
    second.leave()
    assert values(proc_sys) == {"0"}


def test_what_the_next_one_finds_is_noted_anew(tmp_path: Path, proc_sys: Path) -> None:
    ledger = Ledger(tmp_path / "ledger", proc_sys)
    ledger.enter()
    ledger.leave()
    (proc_sys / SYSCTLS[0]).write_text("1")
    ledger.enter()
    change(proc_sys)
    ledger.leave()
    assert values(proc_sys) == {"0", "1"}


def test_one_that_was_killed_holds_nothing_and_its_note_stands(
    tmp_path: Path, proc_sys: Path
) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    path = tmp_path / "ledger"
    holders = [[ended.pid, 1], [1, 1]]  # a pid that is gone, and one that somebody else has now
    path.write_text(json.dumps({"holders": holders, "sysctls": dict.fromkeys(SYSCTLS, "0")}))
    change(proc_sys)
    ledger = Ledger(path, proc_sys)
    ledger.enter()
    ledger.leave()
    assert values(proc_sys) == {"0"}


def test_many_kubelets_can_watch_files(tmp_path: Path, proc_sys: Path) -> None:
    first, second = (Ledger(tmp_path / "ledger", proc_sys) for _ in range(2))
    watches = proc_sys / WATCHES
    watches.write_text("128\n")
    first.enter()
    assert watches.read_text() == str(WATCHES_ENOUGH)
    second.enter()
    first.leave()
    assert watches.read_text() == str(WATCHES_ENOUGH)
    second.leave()
    assert watches.read_text() == "128"


def test_who_has_enough_to_watch_files_keeps_it(tmp_path: Path, proc_sys: Path) -> None:
    ledger = Ledger(tmp_path / "ledger", proc_sys)
    (proc_sys / WATCHES).write_text("100000\n")
    ledger.enter()
    assert (proc_sys / WATCHES).read_text() == "100000\n"


def test_a_machine_that_cannot_be_had_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "nowhere" / "ledger"
    monkeypatch.setattr(machine, "Ledger", lambda: Ledger(path))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(MachineError, match=f"{path}: No such file or directory$"):
        Borrowed(tmp_path)
