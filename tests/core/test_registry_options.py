"""The text form of a registry host's rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.registry_hosts import KINDS, Failure, Login, RegistryHost, RegistryHosts
from fakecri.core.registry_options import configure, to_text
from fakecri.errors import UsageError

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


def _failure(kind: str, **fields: object) -> Failure | None:
    try:
        return Failure(kind, **fields)  # type: ignore[arg-type]  # fields of the right types
    except UsageError:
        return None


FAILURES = st.builds(
    _failure,
    st.sampled_from(KINDS),
    at=st.sampled_from(["", "resolve", "manifest", "config", "layer"]),
    skip=st.integers(0, 9),
    times=st.none() | st.integers(1, 9),
    repository=WORDS,
    percent=st.integers(0, 100),
    retry_after_s=st.sampled_from([0, 0, 30]),
    message=st.just("") | WORDS,
).filter(bool)
LOGINS = st.builds(Login, st.just("") | WORDS, WORDS, WORDS)


def rules(host: RegistryHost) -> tuple[object, ...]:
    return (host.bytes_per_s, host.latency_ns, host.auth, host.logins, host.failures)


@given(
    rate=st.none() | st.integers(1, 2**40),
    latency_ns=st.none() | st.integers(0, 2**40),
    auth=st.sampled_from(["", "basic", "bearer"]),
    logins=st.lists(LOGINS, max_size=3),
    failures=st.lists(FAILURES, max_size=3),
)
def test_what_is_written_reads_back(
    rate: int | None,
    latency_ns: int | None,
    auth: str,
    logins: list[Login],
    failures: list[Failure],
) -> None:
    host = RegistryHost("registry.test:5000", rate, latency_ns, auth, logins)
    for each in failures:
        host.add(each)
    read = configure(RegistryHosts(), to_text(host))
    assert rules(read) == rules(host)
    assert to_text(read) == to_text(host)


@given(st.text(st.sampled_from("rateltncyokfih=0123456789.%:,*+@()smKiB-h x"), max_size=40))
def test_any_text_is_rules_or_a_usage_error(text: str) -> None:
    hosts = RegistryHosts()
    kept = to_text(configure(hosts, "x=rate=7"))
    try:
        host = configure(hosts, f"x={text}")
    except UsageError:
        assert to_text(hosts.get("x")) == kept
    else:
        assert to_text(configure(RegistryHosts(), to_text(host))) == to_text(host)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("x=", "x="),
        ("docker.io=rate=1.5MiB", "docker.io=rate=1572864"),
        ("registry-1.docker.io=latency=1.5s", "docker.io=latency=1500000000ns"),
        ("*=latency=20ms,rate=5kB/s", "*=rate=5000,latency=20000000ns"),
        ("x=fail=2*503", "x=fail=2*503@resolve"),
        ("x=fail=2+1*429(30s)", "x=fail=2+1*429(30s)@resolve"),
        ("x=fail=eof@layer+30%:team/*", "x=fail=eof@layer+30%:team/*"),
        ("x=fail=403::no%3A%20%2C25%25", "x=fail=403@resolve:*:no%3A%2520%2C25%25"),
        ("x=login=bob:a%3Ab,token=t:team/*", "x=login=bob:a%3Ab,token=t:team/*"),
    ],
)
def test_texts_have_a_canonical_form(text: str, canonical: str) -> None:
    assert to_text(configure(RegistryHosts(), text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "=rate=1",
        "a/b=rate=1",
        "x=rate",
        "x=rate=0",
        "x=rate=-1",
        "x=rate=5 MiB",
        "x=rate=99999999999GiB",
        "x=latency=1h",
        "x=auth=digest",
        "x=login=bob",
        "x=login=bob:",
        "x=login=:secret",
        "x=token=",
        "x=fail=418",
        "x=fail=0*503",
        "x=fail=503(3s)",
        "x=fail=eof@resolve",
        "x=fail=eof@layer+101%",
        "x=fail=503@blob",
        "x=fail=503:a:b:c",
    ],
)
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        configure(RegistryHosts(), text)
