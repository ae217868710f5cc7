"""The text form of a registry host's rules: `HOST=OPTION,OPTION,...`, both ways.

    rate=5MiB  latency=200ms  auth=bearer
    login=USER:PASSWORD[:REPOSITORY]  token=TOKEN[:REPOSITORY]
    fail=[SKIP+][TIMES*]KIND[(RETRYs)][@PLACE[+PERCENT%]][:REPOSITORY[:MESSAGE]]

`,`, `:` and `%` inside a value are written as in a URL: `%2C`, `%3A` and `%25`.
"""

import re
from collections.abc import Callable

from fakecri.core.registry_hosts import Failure, Login, RegistryHost, RegistryHosts
from fakecri.core.scheduler import SECOND_NS
from fakecri.errors import UsageError

_UNITS = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_TIMES = {"ns": 1, "us": 10**3, "ms": 10**6, "s": SECOND_NS, "m": 60 * SECOND_NS}
_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([a-zA-Z]*)", re.ASCII)
_FAILURE = re.compile(
    r"(?:(?P<skip>[0-9]{1,9})\+)?(?:(?P<times>[0-9]{1,9})\*)?(?P<kind>[a-z0-9-]+)"
    r"(?:\((?P<retry>[0-9]{1,9})s\))?(?:@(?P<at>[a-z]+)(?:\+(?P<percent>[0-9]{1,3})%25)?)?",
    re.ASCII,
)
_ESCAPED = {",": "%2C", ":": "%3A", "%": "%25"}
_MAX_NS = 2**62


def configure(hosts: RegistryHosts, text: str) -> RegistryHost:
    """Give a host the rules of a text, in place of those it had.

    UsageError for a text that is none; then the host keeps what it had.
    """
    name, sign, options = text.partition("=")
    if not sign:
        raise UsageError(f"{text!r} is not HOST=OPTION,...")
    rules = RegistryHost(name)
    for option in filter(None, options.split(",")):
        _apply(rules, option)
    host = hosts.get(name).reset()
    host.bytes_per_s, host.latency_ns, host.auth = rules.bytes_per_s, rules.latency_ns, rules.auth
    host.logins.extend(rules.logins)
    for failure in rules.failures:
        host.add(failure)
    return host


def to_text(host: RegistryHost) -> str:
    """Return the text that makes a host with the same rules."""
    options = []
    if host.bytes_per_s is not None:
        options.append(f"rate={host.bytes_per_s}")
    if host.latency_ns is not None:
        options.append(f"latency={host.latency_ns}ns")
    if host.auth:
        options.append(f"auth={host.auth}")
    options += [_login_text(each) for each in host.logins]
    options += [_failure_text(each) for each in host.failures]
    return f"{host.name}={','.join(options)}"


def _apply(rules: RegistryHost, option: str) -> None:
    key, sign, value = option.partition("=")
    read = _READERS.get(key)
    if read is None or not sign:
        known = ", ".join(_READERS)
        raise UsageError(f"{option!r} is no option of a registry: {known}")
    read(rules, value)


def _read_rate(rules: RegistryHost, value: str) -> None:
    rules.bytes_per_s = _quantity(value.removesuffix("/s"), _UNITS)
    if rules.bytes_per_s < 1:
        raise UsageError("a rate is 1 byte a second or more")


def _read_latency(rules: RegistryHost, value: str) -> None:
    rules.latency_ns = _quantity(value, _TIMES)


def _read_auth(rules: RegistryHost, value: str) -> None:
    if value not in {"basic", "bearer"}:
        raise UsageError(f"{value!r} is no way to ask who comes: basic, bearer")
    rules.auth = value


def _read_login(rules: RegistryHost, value: str) -> None:
    parts = _parts(value, 2, 3)
    rules.require(parts[0], parts[1], repository=parts[2] or "*")


def _read_token(rules: RegistryHost, value: str) -> None:
    parts = _parts(value, 1, 2)
    rules.require(token=parts[0], repository=parts[1] or "*")


def _read_failure(rules: RegistryHost, value: str) -> None:
    what, repository, message = [*value.split(":"), "", ""][:3]
    # A percent sign after a number is one: nothing else can stand there.
    match = _FAILURE.fullmatch(re.sub(r"(\+[0-9]+)%(?:25)?\Z", r"\1%25", what))
    if match is None or value.count(":") > 2:  # noqa: PLR2004  # the parts above
        raise UsageError(f"{value!r} is no failure: [SKIP+][TIMES*]KIND[@PLACE][:REPOSITORY]")
    rules.add(
        Failure(
            match["kind"],
            match["at"] or "",
            int(match["skip"] or 0),
            int(match["times"]) if match["times"] else None,
            _unescaped(repository) or "*",
            int(match["percent"] or 50),
            int(match["retry"] or 0),
            _unescaped(message),
        )
    )


_READERS: dict[str, Callable[[RegistryHost, str], None]] = {
    "rate": _read_rate,
    "latency": _read_latency,
    "auth": _read_auth,
    "login": _read_login,
    "token": _read_token,
    "fail": _read_failure,
}


def _parts(value: str, least: int, most: int) -> list[str]:
    parts = [_unescaped(each) for each in value.split(":")]
    if not least <= len(parts) <= most:
        raise UsageError(f"{value!r} has not the {least} to {most} parts that it takes")
    return parts + [""] * (most - len(parts))


def _quantity(text: str, units: dict[str, int]) -> int:
    match = _QUANTITY.fullmatch(text)
    factor = units.get(match[2]) if match else None
    if match is None or factor is None:
        raise UsageError(f"{text!r} is not a number with one of {', '.join(filter(None, units))}")
    whole, _, fraction = match[1].partition(".")
    exact = int(whole) * factor + int((fraction or "0").ljust(9, "0")) * factor // SECOND_NS
    if exact > _MAX_NS:
        raise UsageError(f"{text!r} is too much")
    return exact


def _unescaped(text: str) -> str:
    for plain, escaped in reversed(_ESCAPED.items()):
        if plain != "%":
            text = text.replace(escaped, plain).replace(escaped.lower(), plain)
    return text.replace("%25", "%")


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(each, each) for each in text)


def _login_text(login: Login) -> str:
    kind = "login" if login.username else "token"
    parts = [login.username, login.secret] if login.username else [login.secret]
    if login.repository != "*":
        parts.append(login.repository)
    return f"{kind}={':'.join(map(_escaped, parts))}"


def _failure_text(failure: Failure) -> str:
    skip = f"{failure.skip}+" if failure.skip else ""
    times = "" if failure.times is None else f"{failure.times}*"
    retry = f"({failure.retry_after_s}s)" if failure.retry_after_s else ""
    percent = "" if failure.percent == 50 else f"+{failure.percent}%"  # noqa: PLR2004  # default
    text = f"fail={skip}{times}{failure.kind}{retry}@{failure.at}{percent}"
    rest = [failure.repository, failure.message] if failure.message else [failure.repository]
    return text if rest == ["*"] else f"{text}:{':'.join(map(_escaped, rest))}"
