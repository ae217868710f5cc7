"""How the registries behave: who is let in, how fast they are, and what goes wrong with them.

Each host has its own rules, and a text form of them that the command line takes:

    HOST=OPTION,OPTION,...
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from fakecri.core.credentials import Credentials
from fakecri.core.references import DEFAULT_DOMAIN, Reference
from fakecri.core.scheduler import SECOND_NS
from fakecri.errors import UsageError

ANY_HOST = "*"

STATUSES = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
NO_CONNECTION = ("dns", "refused", "unknown-authority", "http")
BROKEN_BODIES = ("digest", "eof", "reset")
KINDS = (*map(str, STATUSES), *NO_CONNECTION, *BROKEN_BODIES, "hang")
PLACES = ("resolve", "manifest", "config", "layer")


@dataclass(frozen=True, slots=True)
class Failure:
    """What goes wrong with some pulls. UsageError for what cannot be."""

    kind: str
    """A status (`401` to `504`), or one of `dns`, `refused`, `unknown-authority`, `http`,
    `digest`, `eof`, `reset` and `hang`."""
    at: str = ""
    """In which request: `resolve`, `manifest`, `config` or `layer`; empty: `layer` for what
    happens to content (`digest`, `eof`, `reset`, `hang`), `resolve` for all else."""
    skip: int = 0
    """How many pulls go well before it."""
    times: int | None = None
    """How many pulls then fail; None: all."""
    repository: str = "*"
    """A glob: which repositories of the host."""
    percent: int = 50
    """How much of the content comes before `eof`, `reset` or `hang`."""
    retry_after_s: int = 0
    """For how long a 429 goes on for everybody once it happened."""
    message: str = ""
    """What the registry says of a status; empty: what registries usually say."""

    def __post_init__(self) -> None:
        """Fill in where it happens, and refuse what makes no sense."""
        if self.kind not in KINDS:
            raise UsageError(f"{self.kind!r} is no failure of a registry: {', '.join(KINDS)}")
        of_content = self.kind in BROKEN_BODIES
        default = "layer" if of_content or self.kind == "hang" else "resolve"
        object.__setattr__(self, "at", self.at or default)
        if self.at not in PLACES or (of_content and self.at == "resolve"):
            raise UsageError(f"{self.kind} cannot happen at {self.at!r}")
        if self.skip < 0 or (self.times is not None and self.times < 1):
            raise UsageError("a failure skips 0 pulls or more, and happens once or more often")
        if not 0 <= self.percent <= 100:  # noqa: PLR2004  # a percentage
            raise UsageError("a share of content is 0 to 100 percent")
        if self.retry_after_s < 0 or (self.retry_after_s and self.kind != "429"):
            raise UsageError("Retry-After goes with 429")

    @property
    def status(self) -> int:
        """The HTTP status; 0: it is none."""
        return int(self.kind) if self.kind.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class Login:
    """Who is let in: a user with a password, or, without a user, an identity token."""

    username: str
    secret: str
    repository: str = "*"
    """A glob: where to."""


class _Countdown:
    """A failure, and how many pulls it has met."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        self.met = 0
        self.until_ns = 0

    def meet(self, now_ns: int) -> bool:
        """Count a pull; return whether it fails."""
        if now_ns < self.until_ns:
            return True
        self.met += 1
        after = self.met - self.failure.skip
        due = after > 0 and (self.failure.times is None or after <= self.failure.times)
        if due:
            self.until_ns = now_ns + self.failure.retry_after_s * SECOND_NS
        return due


@dataclass(slots=True, eq=False, repr=False)
class RegistryHost:
    """The rules of one host. They may be changed at any time; a pull that began keeps its fate."""

    name: str
    bytes_per_s: int | None = None
    """What all downloads from it share; None: no time is lost with content."""
    latency_ns: int | None = None
    """How long each answer takes; None: `node.pull_ns`, and only the first."""
    auth: str = ""
    """How it asks who comes: `basic` or `bearer`; empty: `bearer` if it knows a token."""
    logins: list[Login] = field(default_factory=list)
    _countdowns: list[_Countdown] = field(default_factory=list)

    def __repr__(self) -> str:
        from fakecri.core.registry_options import to_text  # noqa: PLC0415  # which reads these

        return f"RegistryHost({to_text(self)})"

    def limit(
        self, *, bytes_per_s: int | None = None, latency_s: float | None = None
    ) -> "RegistryHost":
        """Say how fast it is; what is not given has no limit. UsageError for what is none."""
        if (bytes_per_s is not None and bytes_per_s < 1) or (latency_s or 0) < 0:
            raise UsageError("a rate is 1 byte a second or more, and a latency not negative")
        self.bytes_per_s = bytes_per_s
        self.latency_ns = None if latency_s is None else round(latency_s * SECOND_NS)
        return self

    def require(
        self, username: str = "", password: str = "", *, token: str = "", repository: str = "*"
    ) -> "RegistryHost":
        """Let in only who has a login: this one, or one of the others. Others are turned away.

        A user and a password, or an identity token; `repository` is a glob of those it is for.
        A repository that no login is for stays open.
        """
        if bool(username) == bool(token) or bool(username) != bool(password):
            raise UsageError("a login is a user name and a password, or a token")
        self.logins.append(Login(username, password or token, repository))
        return self

    def fail(  # the fields of a Failure
        self,
        kind: str | int,
        *,
        at: str = "",
        times: int | None = None,
        skip: int = 0,
        repository: str = "*",
        percent: int = 50,
        retry_after_s: int = 0,
        message: str = "",
    ) -> "RegistryHost":
        """Let pulls fail; the fields are those of a `Failure`. UsageError for what cannot be."""
        failure = Failure(str(kind), at, skip, times, repository, percent, retry_after_s, message)
        self.add(failure)
        return self

    def add(self, failure: Failure) -> None:
        """Let pulls fail. Of several failures that a pull meets the first one counts."""
        self._countdowns.append(_Countdown(failure))

    def reset(self) -> "RegistryHost":
        """Let everybody in, fast, and without failures."""
        self.bytes_per_s = self.latency_ns = None
        self.auth = ""
        self.logins.clear()
        self._countdowns.clear()
        return self

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What goes wrong, in the order it was said."""
        return tuple(each.failure for each in self._countdowns)

    @property
    def scheme(self) -> str:
        """How it asks who comes: `basic` or `bearer`."""
        knows_token = any(not each.username for each in self.logins)
        return self.auth or ("bearer" if knows_token else "basic")

    def meet(self, path: str, now_ns: int) -> Failure | None:
        """Count a pull from a repository; return what goes wrong with it."""
        met = [
            each.failure
            for each in self._countdowns
            if fnmatchcase(path, each.failure.repository) and each.meet(now_ns)
        ]
        return met[0] if met else None

    def lets_in(self, path: str, who: Credentials) -> bool:
        """Whether somebody may pull from a repository."""
        fitting = [each for each in self.logins if fnmatchcase(path, each.repository)]
        if who.secret and not who.username and self.scheme == "basic":
            return not fitting
        return not fitting or any(
            (each.username, each.secret) == (who.username, who.secret) for each in fitting
        )


class RegistryHosts:
    """The hosts that have rules, by the name that references have for them."""

    def __init__(self) -> None:
        self._hosts: dict[str, RegistryHost] = {}

    def get(self, name: str) -> RegistryHost:
        """Return the rules of a host, to be changed. `*` is every host that has none itself."""
        name = _canonical(name)
        if name not in self._hosts:
            self._hosts[name] = RegistryHost(name)
        return self._hosts[name]

    def find(self, reference: Reference) -> RegistryHost | None:
        """Return the rules for a reference; None: there are none."""
        return self._hosts.get(_canonical(reference.domain)) or self._hosts.get(ANY_HOST)

    def __iter__(self) -> Iterator[RegistryHost]:
        return iter(self._hosts.values())


def _canonical(name: str) -> str:
    legacy = {"index.docker.io", "registry-1.docker.io", "docker.io"}
    if not name or any(each in name for each in "/@ =,"):
        raise UsageError(f"{name!r} is not the host of a registry")
    return DEFAULT_DOMAIN if name in legacy else name
