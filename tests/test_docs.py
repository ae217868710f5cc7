"""The documentation runs: its examples, its commands, its diagrams and its lists."""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import split
from shutil import copy
from tempfile import TemporaryDirectory
from threading import Timer
from types import ModuleType

import pytest

import fakecri
from docs import (
    list_actions,
    list_commands,
    list_conformance,
    list_personalities,
    list_scenario_language,
    list_scenarios,
)
from docs.tables import Page
from fakecri import CRI
from fakecri.core.commands import COMMANDS
from fakecri.core.state_forms import FORMS
from tests.real import install
from tests.requirements import skip_for

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
LISTS = (
    list_actions,
    list_commands,
    list_conformance,
    list_personalities,
    list_scenario_language,
    list_scenarios,
)
DRAW_STATES = DOCS / "draw_states.py"

PATIENCE_S = 300.0
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `line` is the number of its first one."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def is_session(self) -> bool:
        """Whether it is what somebody typed at a Python prompt."""
        return self.language == "python" and ">>> " in self.text

    @property
    def is_test_file(self) -> bool:
        """Whether pytest finds tests in it."""
        return self.language == "python" and "def test_" in self.text and not self.is_session


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for fence in FENCE.finditer(text):
        line = text.count("\n", 0, fence.start("text")) + 1
        yield Block(page, line, fence["language"], fence["text"])


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
TEST_FILES = [block for block in BLOCKS if block.is_test_file]
CONSOLES = [block for block in BLOCKS if block.language == "console"]


def name_of(value: object) -> str:
    return f"{value.page.name}:{value.line}" if isinstance(value, Block) else Path(str(value)).name


def everything() -> str:
    return "".join(page.read_text() for page in PAGES)


# Python.


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_python_sessions_of_a_page_run(page: Path) -> None:
    said: list[str] = []
    session = doctest.DocTestParser().get_doctest(sessions_of(page), {}, page.name, str(page), 0)
    assert doctest.DocTestRunner(optionflags=FLAGS).run(session, out=said.append).failed == 0, (
        "".join(said)
    )


def sessions_of(page: Path) -> str:
    """Return a page with all but its sessions blank: lines keep their numbers, names go on."""
    kept = {
        number: line
        for block in blocks_of(page)
        if block.is_session
        for number, line in enumerate(block.text.splitlines(), start=block.line)
    }
    return "\n".join(kept.get(number, "") for number in range(1, max(kept, default=0) + 2))


@pytest.mark.parametrize("block", TEST_FILES, ids=name_of)
def test_a_test_file_of_a_page_passes(block: Block, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(block.text)
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "-v"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("PASSED") >= block.text.count("def test_")


def test_no_python_block_is_left_out() -> None:
    python = [block for block in BLOCKS if block.language == "python"]
    assert len([block for block in python if block.is_session]) >= 20
    assert [each for each in python if not (each.is_session or each.is_test_file)] == []
    assert len(BLOCKS) * 2 == sum(page.read_text().count("```") for page in PAGES)


# Commands.

# What is in a block that needs a tool.
TOOLS = {"$ crictl": "crictl", "command -v kubelet": "kubelet"}


def tools_of(block: Block) -> list[str]:
    return [tool for text, tool in TOOLS.items() if text in block.text]


def tools_missing(block: Block) -> list[str]:
    tools = tools_of(block)
    return install.missing(*tools) + ["a kubelet needs root"] * (
        "kubelet" in tools and os.geteuid() != 0
    )


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, marks=[pytest.mark.real] if tools_of(block) else [])
        for block in CONSOLES
    ],
    ids=name_of,
)
def test_the_commands_of_a_page_say_what_is_shown(block: Block) -> None:
    skip_for(tools_missing(block))
    checker = doctest.OutputChecker()
    with console() as shell:
        for command, shown in exchanges(block.text):
            said = shell.run(command, lines=shown.count("\n"))
            assert checker.check_output(shown, said, FLAGS), f"$ {command}\n{said}"


def exchanges(text: str) -> Iterator[tuple[str, str]]:
    """Return each command after a `$`, its lines after `>` included, and what is shown for it."""
    for part in text.removeprefix("$ ").split("\n$ "):
        command, *lines = part.rstrip("\n").split("\n")
        while lines and lines[0].startswith("> "):
            command += "\n" + lines.pop(0).removeprefix("> ")
        yield command, "".join(f"{line}\n" for line in lines)


class Console:
    """A shell in a directory of its own, which stands for /tmp in commands and outputs."""

    def __init__(self, directory: Path, background: ExitStack) -> None:
        self._directory = directory
        self._background = background
        (directory / "crictl.yaml").touch()
        kubelets = install.BIN / install.KUBELET_VERSION
        tools = [Path(sys.executable).parent, install.BIN, kubelets]
        self._environment = {
            **os.environ,
            "CRI_CONFIG_FILE": str(directory / "crictl.yaml"),  # else crictl says it has none
            "PATH": os.pathsep.join([*map(str, tools), os.environ["PATH"]]),
        }

    def run(self, command: str, lines: int = 0) -> str:
        """Run a command and return what it says; of one with `&` it is the first `lines`."""
        local = command.replace("/tmp/", f"{self._directory}/")
        if local.endswith("&"):
            said = self._background.enter_context(self._serving(local.rstrip("& "), lines))
        else:
            with self._started(local) as process:
                said = process.communicate(timeout=PATIENCE_S)[0]
        return said.replace(str(self._directory), "/tmp")

    @contextmanager
    def _serving(self, command: str, lines: int) -> Iterator[str]:
        with self._started(f"exec {command}") as server:
            too_long = Timer(PATIENCE_S, server.kill)
            too_long.start()
            try:
                assert server.stdout is not None
                yield "".join(server.stdout.readline() for _ in range(lines))
                server.terminate()
                assert (server.stdout.read(), server.wait()) == ("", 0)
            finally:
                too_long.cancel()
                server.kill()

    def _started(self, command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["sh", "-c", command],
            cwd=self._directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@contextmanager
def console() -> Iterator[Console]:
    with TemporaryDirectory(prefix="fakecri-") as directory, ExitStack() as background:
        yield Console(Path(directory), background)


def set_up_commands() -> list[str]:
    return [block.text for block in blocks_of(README) if block.language == "sh"]


def test_the_readme_sets_up_with_one_line_each() -> None:
    serve, test = set_up_commands()
    begin = "python3 -m venv .venv && .venv/bin/pip install "
    assert (serve.count("\n"), test.count("\n")) == (1, 1)
    assert serve.startswith(f"{begin}. && .venv/bin/fakecri serve ")
    assert test == f"{begin}-e '.[dev]' && .venv/bin/pytest\n"


def test_what_the_readme_sets_up_serves() -> None:
    serve = set_up_commands()[0].rpartition("&& .venv/bin/")[2].strip()
    with console() as shell:
        assert shell.run(f"{serve} &", lines=1) == f"fakecri is ready on {split(serve)[-1]}\n"


# Diagrams.


def draw_states(script: Path, *options: str) -> tuple[int, str]:
    command: list[str | Path] = [sys.executable, script, *options]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def test_the_diagrams_of_states_are_as_drawn() -> None:
    assert draw_states(DRAW_STATES, "--check") == (0, "")


def test_diagrams_that_are_not_as_drawn_are_found_and_drawn_anew(tmp_path: Path) -> None:
    script = Path(copy(DRAW_STATES, tmp_path))
    page = tmp_path / "states.md"
    page.write_text("# States\n")
    assert draw_states(script, "--check") == (1, "differs: states.md\n")
    assert draw_states(script) == (0, "wrote: states.md\n")
    assert page.read_text() == (DOCS / "states.md").read_text()


# Lists.


@pytest.mark.parametrize(
    ("command", "page", "few"),
    [
        ("serve", "server", 8),
        ("replay", "replay", 3),
        ("drive", "replay", 3),
        ("diff", "replay", 3),
    ],
)
def test_every_option_of_a_command_is_explained(command: str, page: str, few: int) -> None:
    arguments = [sys.executable, "-m", "fakecri", command, "--help"]
    helped = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"--[a-z][a-z-]*", helped)) - {"--help", "--no-"}
    assert len(options) > few
    told = page_text(page)
    assert [each for each in sorted(options) if f"`{each}" not in told] == []


def test_every_public_name_is_mentioned() -> None:
    text = everything()
    assert [each for each in fakecri.__all__ if not re.search(rf"`{each}\b", text)] == []


def test_every_state_fault_is_explained() -> None:
    text = page_text("state_faults")
    assert [form.name for form in FORMS.values() if form.verb not in text] == []
    rows = {row.split("`")[1].split()[0] for row in text.splitlines() if row.startswith("| `")}
    assert {form.subject for form in FORMS.values()} <= rows


def test_every_member_of_the_object_is_explained() -> None:
    members = {name for name in (*vars(CRI), *vars(CRI())) if not name.startswith("_")}
    assert len(members) > 12
    text = page_text("object")
    assert [each for each in sorted(members) if not re.search(rf"`{each}\b", text)] == []


def test_every_built_in_command_is_named() -> None:
    assert [each for each in COMMANDS if f"| `{each}` |" not in page_text("commands")] == []


@pytest.mark.parametrize("lists", LISTS, ids=lambda lists: lists.__name__)
def test_the_tables_of_a_page_are_what_they_are_made_of(lists: ModuleType) -> None:
    page = lists.PAGE
    assert page.filled() == page.text, f"run python -m {lists.__name__}"


def test_tables_that_differ_are_found_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Page("any", {"numbers": lambda: "1 | 2\n"})
    page.path = tmp_path / "any.md"
    page.path.write_text("# Any\n<!-- numbers: made by hand -->\n<!-- end -->\nmore\n")
    for options, status, told in ((["--check"], 1, "differs"), ([], 0, "wrote"), ([], 0, "")):
        monkeypatch.setattr(sys, "argv", ["any", *options])
        assert page.main("Any.") == status
        assert capsys.readouterr().out == (f"{told}: any.md\n" if told else "")
    assert page.text == "# Any\n<!-- numbers: made by hand -->\n\n1 | 2\n\n<!-- end -->\nmore\n"


def page_text(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text())
    assert [each for each in targets if not (page.parent / each).exists()] == []


def test_the_index_leads_to_every_page() -> None:
    links = set(LINK.findall(page_text("index")))
    assert links >= {page.name for page in DOCS.glob("*.md")} - {"index.md"}


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) < 150
