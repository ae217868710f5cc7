"""What a script is made of: the nodes of its syntax tree, which never change."""

from dataclasses import dataclass, field
from typing import TypeAlias


def may_match(text: str) -> bool:
    """Whether text without quotes is a pattern: `[` alone, the command, is none."""
    return "*" in text or "?" in text or ("[" in text and "]" in text[text.index("[") + 1 :])


@dataclass(frozen=True, slots=True)
class Literal:
    """Text without quotes: a `*` in it is a pattern."""

    text: str


@dataclass(frozen=True, slots=True)
class Quoted:
    """Text that means itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Tilde:
    """`~` or `~user`, where it stands for a home directory."""

    user: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """`$name` or `${name...}`.

    `operation` is what stands after the name (`:-`, `##`, `/`, `:`, `^^`), or `length` and
    `indirect` for `${#name}` and `${!name}`, or `bad` for what cannot be meant.
    """

    name: str
    quoted: bool = False
    operation: str = ""
    argument: "Word | None" = None
    second: "Word | None" = None
    index: "Word | None" = None


@dataclass(frozen=True, slots=True)
class Substitution:
    """`$(...)` or the same in backquotes."""

    body: "tuple[Node, ...]"
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`$((...))`: the expression as text with expansions in it."""

    expression: "Word"
    quoted: bool = False


Part: TypeAlias = Literal | Quoted | Tilde | Parameter | Substitution | Arithmetic


@dataclass(frozen=True, slots=True)
class Word:
    """Parts that stand together."""

    parts: tuple[Part, ...]
    literal: str | None = field(init=False, compare=False, repr=False, default=None)
    """All of its text, where it has no expansions and no patterns."""
    single: Parameter | None = field(init=False, compare=False, repr=False, default=None)
    """The only part, where that is a plain parameter."""

    def __post_init__(self) -> None:
        if len(self.parts) == 1:
            part = self.parts[0]
            if isinstance(part, Parameter) and not part.operation and part.index is None:
                object.__setattr__(self, "single", part)
        if all(isinstance(part, Literal | Quoted) for part in self.parts):
            texts = [part for part in self.parts if isinstance(part, Literal | Quoted)]
            unquoted = "".join(part.text for part in texts if isinstance(part, Literal))
            if not may_match(unquoted):
                object.__setattr__(self, "literal", "".join(part.text for part in texts))

    @property
    def plain(self) -> str | None:
        """Its text, where nothing of it is quoted or expanded: it may be a reserved word."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Literal):
            return self.parts[0].text
        return None


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name=value`, `name+=value`, `name[index]=value`; a tuple is `name=(...)`."""

    name: str
    value: "Word | tuple[Word, ...]"
    append: bool = False
    index: Word | None = None


@dataclass(frozen=True, slots=True)
class HereDocument:
    """What stands behind `<<`; the body is known when the line has ended."""

    delimiter: str
    quoted: bool
    stripped: bool
    body: Word = field(default_factory=lambda: Word(()))

    def fill(self, body: Word) -> None:
        """Put in what was read; once, by the parser."""
        object.__setattr__(self, "body", body)


@dataclass(frozen=True, slots=True)
class Redirection:
    """`fd` is -1 where it is the operator's own."""

    fd: int
    operator: str
    target: Word | HereDocument


@dataclass(frozen=True, slots=True)
class Simple:
    """A command with its assignments and redirections."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    line: int = field(compare=False, default=0)
    arrays: tuple[tuple[int, Assignment], ...] = ()
    """Of `declare a=(1 2)`: which argument it was, and what it assigns."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands with pipes between them; `timed` has the word `time` before it."""

    commands: "tuple[Node, ...]"
    negated: bool = False
    timed: bool = False


@dataclass(frozen=True, slots=True)
class AndOr:
    """`a && b || c`."""

    first: "Node"
    rest: "tuple[tuple[str, Node], ...]"


@dataclass(frozen=True, slots=True)
class Background:
    """`command &`."""

    command: "Node"


@dataclass(frozen=True, slots=True)
class Sequence:
    """Commands one after another."""

    commands: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Group:
    """`{ ...; }`."""

    body: "Node"


@dataclass(frozen=True, slots=True)
class Subshell:
    """`( ... )`."""

    body: "Node"


@dataclass(frozen=True, slots=True)
class If:
    """Pairs of condition and body, and what is done where none holds."""

    branches: "tuple[tuple[Node, Node], ...]"
    otherwise: "Node | None" = None


@dataclass(frozen=True, slots=True)
class While:
    """`while` or `until`."""

    condition: "Node"
    body: "Node"
    until: bool = False


@dataclass(frozen=True, slots=True)
class For:
    """`for name in words`; without words it is over the positional parameters."""

    name: str
    words: tuple[Word, ...] | None
    body: "Node"
    is_menu: bool = False
    """It is a `select`."""


@dataclass(frozen=True, slots=True)
class ForArithmetic:
    """`for ((start; condition; step))`."""

    start: Word
    condition: Word
    step: Word
    body: "Node"


@dataclass(frozen=True, slots=True)
class Arm:
    """`a|b) body ;;`; `end` may be `;&` or `;;&` too."""

    patterns: tuple[Word, ...]
    body: "Node | None"
    end: str = ";;"


@dataclass(frozen=True, slots=True)
class Case:
    """`case word in ... esac`."""

    word: Word
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """The definition of a function."""

    name: str
    body: "Node"


@dataclass(frozen=True, slots=True)
class Condition:
    """`[[ ... ]]`: words, and operators as unquoted ones."""

    words: tuple[Word, ...]
    line: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Calculation:
    """`((...))`."""

    expression: Word


@dataclass(frozen=True, slots=True)
class Redirected:
    """A compound command with redirections."""

    command: "Node"
    redirections: tuple[Redirection, ...]


Node: TypeAlias = (
    Simple
    | Pipeline
    | AndOr
    | Background
    | Sequence
    | Group
    | Subshell
    | If
    | While
    | For
    | ForArithmetic
    | Case
    | Function
    | Condition
    | Calculation
    | Redirected
)
