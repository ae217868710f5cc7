"""What is read of an AuthConfig. Texts and positions are those of Go's own libraries."""

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.credentials import Credentials, read_credentials, registry_host
from fakecri.core.references import parse_reference
from fakecri.errors import Code, CRIError

HOST = "quay.io"
USER = {"username": "user", "password": "secret"}


def read(**fields: str) -> Credentials:
    return read_credentials(pb.AuthConfig(**fields), HOST)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Credentials()),
        (USER, Credentials("user", "secret")),
        ({"username": "user"}, Credentials("user", "")),
        ({"password": "secret"}, Credentials()),
        (USER | {"identity_token": "token", "auth": "?"}, Credentials("user", "secret")),
        ({"identity_token": "token", "auth": "?"}, Credentials("", "token")),
        ({"registry_token": "token"}, Credentials()),
        ({"auth": "dXNlcjpzZWNyZXQ="}, Credentials("user", "secret")),
        ({"auth": "dXNlcjphOmI="}, Credentials("user", "a:b")),
        ({"auth": "dXNl\r\ncjphOmI="}, Credentials("user", "a:b")),
        ({"auth": "dXNlcjoAAHNlY3JldAAA"}, Credentials("user", "secret")),
    ],
)
def test_the_first_of_the_forms_counts(fields: dict[str, str], expected: Credentials) -> None:
    assert read(**fields) == expected


@pytest.mark.parametrize(
    ("auth", "position"),
    [
        ("YWxh!", 4),
        ("YWx", 0),
        ("YWxh\nYWx", 5),
        ("YW=x", 2),
        ("YW\n=x", 3),
        ("YWx=x", 4),
        ("Y===", 1),
        ("=", 0),
        ("YWx\n", 1),
        ("YWxhZA=", 7),
        ("YWxhZA=\nx", 7),
        ("YWxhZA==\nzz", 9),
        ("\u00e9YWx", 0),
    ],
)
def test_bad_base64_is_told_with_its_position(auth: str, position: int) -> None:
    with pytest.raises(CRIError) as refusal:
        read(auth=auth)
    assert refusal.value.message == f"illegal base64 data at input byte {position}"
    assert refusal.value.code is Code.UNKNOWN


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        ("bm9jb2xvbg==", r"nocolon\x00\x00"),
        ("YWxhZA=\n=", r"alad\x00\x00"),
        ("/////w==", r"\xff\xff\xff\xff\x00\x00"),
        ("w6ki", r"é\""),
    ],
)
def test_decoded_text_without_a_colon_is_shown_as_go_quotes_bytes(auth: str, shown: str) -> None:
    with pytest.raises(CRIError) as refusal:
        read(auth=auth)
    assert refusal.value.message == f'invalid decoded auth: "{shown}"'


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("https://quay.io", True),
        ("https://quay.io/v2/?a#b", True),
        ("https://me:pw@quay.io", True),
        ("//quay.io", True),
        ("HTTP://quay.io", True),
        ("quay.io", False),
        ("quay.io:443", False),
        ("https://quay.io:443", False),
        ("https://quay.io.example", False),
        ("///quay.io", False),
        ("/quay.io", False),
        ("a/b:c", False),
    ],
)
def test_credentials_count_only_at_the_address_they_are_for(address: str, meant: bool) -> None:
    expected = Credentials("user", "secret") if meant else Credentials()
    assert read(server_address=address, **USER) == expected


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("127.0.0.1:5000", "first path segment in URL cannot contain colon"),
        ("1a:b", "first path segment in URL cannot contain colon"),
        (":5000", "missing protocol scheme"),
        ("https://quay.io:x", 'invalid port ":x" after host'),
        ("https://a:b:5000", 'invalid port ":b:5000" after host'),
        ("https://[::1", "missing ']' in host"),
        ("https://quay.io\x7f", "net/url: invalid control character in URL"),
    ],
)
def test_an_address_that_is_no_url_is_refused(address: str, complaint: str) -> None:
    with pytest.raises(CRIError) as refusal:
        read(server_address=address, **USER)
    quoted = address.replace("\x7f", "\\x7f")
    assert refusal.value.message == f'parse server address: parse "{quoted}": {complaint}'


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("busybox", "registry-1.docker.io"),
        ("quay.io/team/app", "quay.io"),
        ("localhost:5000/app", "localhost:5000"),
    ],
)
def test_a_registry_is_at_its_domain(name: str, host: str) -> None:
    assert registry_host(parse_reference(name)) == host
