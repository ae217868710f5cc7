"""JSON as Go writes it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.api import runtime_pb2 as pb
from fakecri.core.go_json import go_json, omit_empty


def test_a_message_is_shown_as_its_struct() -> None:
    options = pb.NamespaceOption(pid=pb.NODE, ipc=pb.POD, userns_options=pb.UserNamespace())
    assert go_json(options) == '{"pid":2,"userns_options":{}}'


def test_zeroes_are_left_out_and_empty_messages_are_not() -> None:
    config = pb.LinuxContainerConfig(resources=pb.LinuxContainerResources(cpu_shares=0))
    assert go_json(config) == '{"resources":{}}'


def test_members_stand_in_the_order_of_the_contract_not_of_the_numbers() -> None:
    security = pb.LinuxContainerSecurityContext(
        run_as_username="u", run_as_group=pb.Int64Value(value=1), run_as_user=pb.Int64Value()
    )
    shown = '{"run_as_user":{},"run_as_group":{"value":1},"run_as_username":"u"}'
    assert go_json(security) == shown


def test_keys_of_a_map_are_sorted() -> None:
    labels = {each: each for each in "zaymb"}
    shown = json.loads(go_json(pb.ContainerConfig(labels=labels)))["labels"]
    assert list(shown) == sorted(labels)


def test_bytes_are_in_base64() -> None:
    assert go_json(pb.KeyValue(key="a", value=b"\x00\xff")) == '{"key":"a","value":"AP8="}'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<a&b>", r"\u003ca\u0026b\u003e"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\x00\b\f\n\r\t\x1f", r"\u0000\b\f\n\r\t\u001f"),
        ('"\\/\x7fé', '\\"\\\\/\x7fé'),
        ("a\udcffb", r"a\ufffdb"),
    ],
)
def test_strings_are_escaped_as_go_escapes(text: str, shown: str) -> None:
    assert go_json(text) == f'"{shown}"'


def test_what_go_has_no_json_for_is_refused() -> None:
    with pytest.raises(TypeError, match="object is nothing"):
        go_json(object())


def test_only_what_is_empty_is_omitted() -> None:
    kept = {"zero": 0, "object": {}, "yes": True, "text": "a", "list": [0]}
    assert omit_empty(none=None, no=False, text_="", list_=[], tuple_=(), **kept) == kept


@given(st.text(), st.lists(st.text(alphabet=st.characters(codec="utf-8"))))
def test_everything_can_be_read_again(text: str, words: list[str]) -> None:
    clean = text.encode(errors="replace").decode()
    read = json.loads(go_json({"text": clean, "config": pb.ContainerConfig(command=words)}))
    assert read["text"] == clean
    assert read["config"] == ({"command": words} if words else {})
