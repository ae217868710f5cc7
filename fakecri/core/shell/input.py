"""A shell that reads its commands from stdin, as they arrive."""

from fakecri.core.scheduler import Waits
from fakecri.core.shell.errors import Jump, Return, ShellError, Unfinished
from fakecri.core.shell.execution import run
from fakecri.core.shell.grammar import Parser
from fakecri.core.shell.life import known_aliases
from fakecri.core.shell.state import Shell
from fakecri.core.shell.syntax import Node

_AT_ONCE = 1023
"""So many bytes are in ash's buffer."""


class Input:
    """Reads a command, gives back what comes behind it, and runs it; until the input ends."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.text = ""
        self.line = 1
        self.ended = False
        self.keeps = not (shell.bash or shell.process.spec.tty)
        """Whether what it has read is lost to the commands: ash reads ahead, bash never does."""

    def run(self) -> Waits[int]:
        """Run all of it; return the last status."""
        shell = self.shell
        while True:
            try:
                node = yield from self.next_command()
                if node is None:
                    break
                yield from run(shell, node)
            except (ShellError, Jump, Return) as error:
                if not shell.interactive:
                    raise
                self.recover(error)
        if shell.interactive:
            shell.error("\n")
        return shell.status

    def recover(self, error: Exception) -> None:
        """An interactive shell goes on."""
        if isinstance(error, ShellError):
            self.shell.status = self.shell.report(error)
        self.text = ""
        self.shell.unchecked = self.shell.loops = 0

    def next_command(self) -> Waits[Node | None]:
        """Read until a command is complete."""
        self.prompt("PS1")
        while True:
            cut = len(self.text) if self.ended else self.text.rfind("\n") + 1
            if self.text[:cut].strip(" \t\n") or self.ended:
                parser = self.parser(self.text[:cut])
                try:
                    node = parser.next_line()
                except Unfinished:
                    self.prompt("PS2")
                else:
                    if node is not None or self.ended:
                        self.give_back(parser, self.text[cut:])
                        return node
            yield from self.read()

    def parser(self, text: str) -> Parser:
        """Return what reads whole lines."""
        return Parser(
            text,
            bash=self.shell.bash,
            final=self.ended,
            line=self.line,
            aliases=known_aliases(self.shell),
        )

    def read(self) -> Waits[None]:
        """Add what comes next."""
        chunk = yield from self.shell.descriptors.stdin.read()
        if self.keeps and len(chunk) > _AT_ONCE:
            self.shell.descriptors.stdin.unread(chunk[_AT_ONCE:])
            chunk = chunk[:_AT_ONCE]
        if not chunk:
            self.ended = True
        self.text += chunk.replace(b"\0", b"").decode("latin-1")

    def give_back(self, parser: Parser, more: str) -> None:
        """What was not used, the commands may read."""
        rest = parser.text[parser.position :] + more
        self.line = parser.line
        self.text = ""
        if self.keeps:
            self.text = rest
        else:
            self.shell.descriptors.stdin.unread(rest.encode("latin-1"))

    def prompt(self, name: str) -> None:
        """Ask for more."""
        if self.shell.interactive:
            self.shell.error(prompt_text(self.shell, self.shell.variables.get(name) or ""))


def prompt_text(shell: Shell, text: str) -> str:
    """Return a prompt with what its backslashes stand for."""
    spec = shell.process.spec
    home = shell.variables.get("HOME") or ""
    cwd = shell.variables.get("PWD") or spec.cwd
    if home not in {"", "/"} and (cwd == home or cwd.startswith(home + "/")):
        cwd = "~" + cwd[len(home) :]
    replaced = {
        "w": cwd,
        "W": cwd.rpartition("/")[2] or "/",
        "$": "#" if spec.user.uid == 0 else "$",
        "h": shell.process.hostname.partition(".")[0],
        "H": shell.process.hostname,
        "u": spec.user.name or str(spec.user.uid),
        "n": "\n",
        "s": shell.arg0.rpartition("/")[2],
        "e": "\x1b",
        "[": "",
        "]": "",
        "\\": "\\",
    }
    pieces = text.split("\\")
    shown = pieces[0]
    position = 1
    while position < len(pieces):
        piece = pieces[position]
        if not piece and position + 1 < len(pieces):
            shown += "\\" + pieces[position + 1]
            position += 2
            continue
        shown += replaced.get(piece[:1], "\\" + piece[:1]) + piece[1:]
        position += 1
    return shown
