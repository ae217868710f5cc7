"""Generated means verified."""

from pathlib import Path

import pytest

pytest.importorskip("grpc_tools", reason="the dev extra makes the generated files")

from fakecri.api import regenerate


def test_the_generated_files_are_what_the_contract_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert regenerate.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_a_file_that_differs_is_named_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = regenerate.generate()
    for name, text in content.items():
        (tmp_path / name).write_bytes(text)
    (tmp_path / "stubs.py").write_text("other")
    monkeypatch.setattr(regenerate, "generate", lambda: content)
    monkeypatch.setattr(regenerate, "HERE", tmp_path)
    assert regenerate.main(["--check"]) == 1
    assert capsys.readouterr().out == "differs: stubs.py\n"
    assert (tmp_path / "stubs.py").read_text() == "other"
    assert regenerate.main([]) == 0
    assert capsys.readouterr().out == "wrote: stubs.py\n"
    assert (tmp_path / "stubs.py").read_bytes() == content["stubs.py"]
