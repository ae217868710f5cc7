"""A shell that reads its commands from stdin, as they arrive."""

from fakecri.core.processes import Signalled
from fakecri.core.scheduler import Waits
from fakecri.core.shell.editing import Editor
from fakecri.core.shell.errors import Jump, Return, ShellError, Unfinished
from fakecri.core.shell.execution import run
from fakecri.core.shell.foreground import SIGINT
from fakecri.core.shell.grammar import Parser
from fakecri.core.shell.jobs import report_jobs
from fakecri.core.shell.life import known_aliases
from fakecri.core.shell.state import Shell
from fakecri.core.shell.syntax import Node
from fakecri.core.shell.traps import run_action

_AT_ONCE = 1023
"""So many bytes are in ash's buffer."""


class Input:
    """Reads a command, gives back what comes behind it, and runs it; until the input ends."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.text = ""
        self.line = 1
        self.ended = False
        self.asked = ""
        self.keeps = not shell.bash or shell.terminal is not None
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
            except Signalled as interrupted:
                if shell.terminal is None or interrupted.signal != SIGINT:
                    raise
                yield from self.interrupted()
        if shell.interactive:
            shell.error("\n")
        return shell.status

    def recover(self, error: Exception) -> None:
        """An interactive shell goes on."""
        if isinstance(error, ShellError):
            self.shell.status = self.shell.report(error)
        self.forget()

    def forget(self) -> None:
        """Begin a new command."""
        self.text = ""
        self.ended = False
        self.shell.unchecked = self.shell.loops = 0

    def interrupted(self) -> Waits[None]:
        """Go back to the prompt, after ^C."""
        shell = self.shell
        self.forget()
        action = shell.traps.get("INT")
        if action != "":
            shell.status = 128 + SIGINT
        if action is None:
            shell.error("\n")
        elif action:
            yield from run_action(shell, action)

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
        if self.shell.terminal is not None:
            line = yield from Editor(self.shell, self.shell.terminal, self.asked).read()
            self.text += (line or b"").replace(b"\0", b"").decode("latin-1")
            self.ended = line is None
            return
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
        if not self.shell.interactive:
            return
        if name == "PS1" and self.shell.terminal is not None:
            report_jobs(self.shell)
        self.asked = prompt_text(self.shell, self.shell.variables.get(name) or "")
        if self.shell.terminal is None:
            self.shell.error(self.asked.replace("\1", "").replace("\2", ""))


def prompt_text(shell: Shell, text: str) -> str:
    """Return a prompt with what its backslashes stand for; bytes 1 and 2 hide what is unseen."""
    spec = shell.process.spec
    home = shell.variables.get("HOME") or ""
    cwd = shell.variables.get("PWD") or spec.cwd
    if home not in {"", "/"} and (cwd == home or cwd.startswith(home + "/")):
        cwd = "~" + cwd[len(home) :]
    replaced = {
        "w": cwd,
        "W": cwd.rpartition("/")[2],
        "$": "#" if spec.user.uid == 0 else "$",
        "h": shell.process.hostname.partition(".")[0],
        "H": shell.process.hostname,
        "u": spec.user.name or str(spec.user.uid),
        "n": "\n",
        "s": shell.arg0.rpartition("/")[2],
        "e": "\x1b",
        "[": "\1",
        "]": "\2",
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
