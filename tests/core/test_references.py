"""The grammar of image references; the expectations were checked against distribution/reference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.references import (
    InvalidReference,
    Reference,
    find_normalised,
    is_digest,
    names_in,
    parse_reference,
)

HEX64 = "7cc4b5aefd1d0cadf8d97d4350462ba51c694ebca145b08d7d41b41acc8db5aa"
DIGEST = f"sha256:{HEX64}"
BUSYBOX = "docker.io/library/busybox"
NOT_LOWERCASE = "invalid reference format: repository name ({}) must be lowercase"


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("busybox", f"{BUSYBOX}:latest"),
        ("busybox:latest", f"{BUSYBOX}:latest"),
        ("library/busybox", f"{BUSYBOX}:latest"),
        ("docker.io/busybox", f"{BUSYBOX}:latest"),
        ("docker.io/library/busybox", f"{BUSYBOX}:latest"),
        ("index.docker.io/busybox", f"{BUSYBOX}:latest"),
        ("index.docker.io/library/busybox:1.36", f"{BUSYBOX}:1.36"),
        (f"busybox@{DIGEST}", f"{BUSYBOX}@{DIGEST}"),
        (f"busybox:1.36@{DIGEST}", f"{BUSYBOX}@{DIGEST}"),
        ("someone/app", "docker.io/someone/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000", "docker.io/library/localhost:5000"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("127.0.0.1:5000/app:v1", "127.0.0.1:5000/app:v1"),
        ("[::1]:5000/app", "[::1]:5000/app:latest"),
        ("example.com", "docker.io/library/example.com:latest"),
        ("example.com/app", "example.com/app:latest"),
        ("Host/app", "Host/app:latest"),
        ("DOCKER.IO/app", "DOCKER.IO/app:latest"),
        ("a_b.c/app", "a_b.c/app:latest"),
        ("a__b/c--d/e.f", "docker.io/a__b/c--d/e.f:latest"),
        ("registry.k8s.io/pause:3.10.2", "registry.k8s.io/pause:3.10.2"),
        (DIGEST, f"docker.io/library/{DIGEST}"),
        (f"localhost/{HEX64}", f"localhost/{HEX64}:latest"),
        ("app:_A.b-C", "docker.io/library/app:_A.b-C"),
        ("app:" + "x" * 128, "docker.io/library/app:" + "x" * 128),
        ("localhost/" + "x" * 255, "localhost/" + "x" * 255 + ":latest"),
        (f"app@sha384:{HEX64[:32]}{HEX64}", f"docker.io/library/app@sha384:{HEX64[:32]}{HEX64}"),
        (f"app@sha512:{HEX64}{HEX64}", f"docker.io/library/app@sha512:{HEX64}{HEX64}"),
    ],
)
def test_a_reference_is_normalised_as_docker_does(text: str, normalised: str) -> None:
    assert str(parse_reference(text)) == normalised
    assert find_normalised(text) == normalised


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "invalid reference format"),
        ("a b", "invalid reference format"),
        (":v1", "invalid reference format"),
        ("app:", "invalid reference format"),
        ("app\n", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("a___b", "invalid reference format"),
        ("a..b/c", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("app:-x", "invalid reference format"),
        ("app:" + "x" * 129, "invalid reference format"),
        ("app@" + DIGEST[:38], "invalid reference format"),
        ("https://example.com/app", "invalid reference format"),
        ("BusyBox", NOT_LOWERCASE.format("library/BusyBox")),
        ("example.com/App:v1", NOT_LOWERCASE.format("App")),
        ("someone/App", NOT_LOWERCASE.format("someone/App")),
        (f"app@SHA256:{HEX64}", NOT_LOWERCASE.format("library/app@SHA256")),
        ("app:\N{KELVIN SIGN}", "repository name must be lowercase"),
        ("app:\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "repository name must be lowercase"),
        (
            HEX64,
            f"invalid repository name ({HEX64}), cannot specify 64-byte hexadecimal strings",
        ),
        ("localhost/" + "x" * 256, "repository name must not be more than 255 characters"),
        (f"app@sha256:{HEX64[:-1]}", "invalid checksum digest length"),
        (f"app@sha256:{HEX64.upper()}", "invalid checksum digest format"),
        (f"app@md5:{HEX64[:32]}", "unsupported digest algorithm"),
        (f"app:v1@MD5:{HEX64[:32]}", "invalid checksum digest format"),
    ],
)
def test_a_malformed_reference_is_refused_in_the_words_of_go(text: str, sentence: str) -> None:
    with pytest.raises(InvalidReference) as refusal:
        parse_reference(text)
    assert str(refusal.value) == sentence
    assert find_normalised(text) is None


def test_a_reference_has_its_parts() -> None:
    assert parse_reference("localhost:5000/a/b:v1") == Reference("localhost:5000", "a/b", tag="v1")
    assert parse_reference(f"app:v1@{DIGEST}") == Reference(
        "docker.io", "library/app", digest=DIGEST
    )
    assert parse_reference("app").name == "docker.io/library/app"


def test_a_first_component_that_only_looks_like_a_domain_is_part_of_the_path() -> None:
    reference = parse_reference("a_b.c/app")
    assert (reference.domain, reference.path, reference.name) == ("", "a_b.c/app", "a_b.c/app")


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (DIGEST, True),
        (f"sha384:{HEX64[:32]}{HEX64}", True),
        (f"sha512:{HEX64}{HEX64}", True),
        (HEX64, False),
        (DIGEST[:-1], False),
        (DIGEST + "\n", False),
        (f"sha256:{HEX64.upper()}", False),
        (f"sha512:{HEX64}", False),
        (f"blake3:{HEX64}", False),
        ("sha256:", False),
        ("", False),
    ],
)
def test_a_digest_has_a_known_algorithm_and_all_its_digits(text: str, valid: bool) -> None:
    assert is_digest(text) is valid


def test_an_id_is_no_name_that_has_a_tag() -> None:
    assert names_in("web") == ("docker.io/library/web:latest", "web")
    assert names_in(DIGEST) == (DIGEST,)
    assert names_in("a//b") == ("a//b",)


def _joined(parts: tuple[str, str, str, str]) -> str:
    return "".join(parts)


near_references = st.tuples(
    st.sampled_from(
        ["", "docker.io/", "index.docker.io/", "localhost/", "Foo/", "a_b.c/", "[::1]:1/", "x:y/"],
    ),
    st.from_regex(r"[a-zA-Z0-9_.-]{1,8}(/[a-z0-9._-]{1,8}){0,3}", fullmatch=True),
    st.one_of(st.just(""), st.from_regex(r":[\w.-]{1,9}", fullmatch=True)),
    st.one_of(
        st.just(""),
        st.from_regex(r"@sha(256:[a-f0-9]{64}|512:[a-f0-9]{128})", fullmatch=True),
    ),
).map(_joined)


@given(st.one_of(st.text(), st.text("aA0.:/@-_[] \n"), near_references))
def test_parsing_either_refuses_or_reaches_a_form_that_stays(text: str) -> None:
    try:
        reference = parse_reference(text)
    except InvalidReference:
        assert find_normalised(text) is None
        return
    assert parse_reference(str(reference)) == reference
    assert bool(reference.tag) != bool(reference.digest)
    assert not reference.digest or is_digest(reference.digest)


@given(near_references)
def test_a_name_without_tag_means_latest(text: str) -> None:
    if "@" in text or ":" in text.rpartition("/")[2] or find_normalised(text) is None:
        return
    assert find_normalised(text) == find_normalised(f"{text}:latest")
