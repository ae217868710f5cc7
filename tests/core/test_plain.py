"""Messages as JSON: protobuf's own form, to the letter, but for what is masked."""

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from fakecri import UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.core.plain import plain, require_fields
from tests.messages import messages

TYPES = sorted(pb.DESCRIPTOR.message_types_by_name)
ANY = st.sampled_from(TYPES).flatmap(
    lambda name: messages(pb.DESCRIPTOR.message_types_by_name[name], st.text(max_size=4))
)


def expected(message: Message) -> str:
    fields = MessageToDict(message, preserving_proto_field_name=True)
    return json.dumps(fields, sort_keys=True, separators=(",", ":"))


def has_auth(message: Message) -> bool:
    return isinstance(message, pb.AuthConfig) or (
        isinstance(message, pb.PullImageRequest) and message.HasField("auth")
    )


@given(ANY.filter(lambda message: not has_auth(message)))
def test_a_message_is_written_as_protobuf_writes_it(message: Message) -> None:
    assert plain().text(message) == expected(message)


def test_a_map_is_sorted_by_its_keys_and_not_by_how_they_are_written() -> None:
    labels = dict.fromkeys(["a", "a!", "a\u00fc", 'a"', "a b", "", "A", "\U0001f600"], "x")
    message = pb.PodSandboxConfig(labels=labels)
    assert plain().text(message) == expected(message)


def test_every_field_of_an_auth_config_is_masked_wherever_it_stands() -> None:
    names = [field.name for field in pb.AuthConfig.DESCRIPTOR.fields]
    secret: Any = dict.fromkeys(names, "hunter2")
    for message, path in (
        (pb.AuthConfig(**secret), ()),
        (pb.PullImageRequest(auth=pb.AuthConfig(**secret)), ("auth",)),
    ):
        fields = json.loads(plain().text(message))
        for name in path:
            fields = fields[name]
        assert fields == dict.fromkeys(names, "***")


def test_a_field_that_is_not_set_is_not_masked() -> None:
    request = pb.PullImageRequest(auth=pb.AuthConfig(username="me"))
    assert json.loads(plain().text(request)) == {"auth": {"username": "***"}}


def test_a_mask_hides_a_field_wherever_its_message_stands() -> None:
    config = pb.ContainerConfig(
        envs=[pb.KeyValue(key="A", value=b"secret"), pb.KeyValue(key="B")], working_dir="/srv"
    )
    request = pb.CreateContainerRequest(config=config)
    assert json.loads(plain(frozenset(["KeyValue.value"])).text(request))["config"] == {
        "envs": [{"key": "A", "value": "Kioq"}, {"key": "B"}],
        "working_dir": "/srv",
    }


def test_a_mask_of_a_message_hides_all_that_is_in_it() -> None:
    metadata = pb.ContainerMetadata(name="web", attempt=3)
    config = pb.ContainerConfig(metadata=metadata, labels={"app": "web"}, command=["a", "b"])
    masks = ["ContainerConfig.metadata", "ContainerConfig.labels", "ContainerConfig.command"]
    assert json.loads(plain(frozenset(masks)).text(config)) == {
        "metadata": {"name": "***"},
        "labels": {"app": "***"},
        "command": ["***", "***"],
    }


@given(st.sampled_from(TYPES), st.data())
def test_what_is_masked_can_still_be_read_as_the_message(name: str, data: st.DataObject) -> None:
    descriptor = pb.DESCRIPTOR.message_types_by_name[name]
    message = data.draw(messages(descriptor, st.text(max_size=4)))
    masks = [f"{name}.{field.name}" for field in descriptor.fields]
    ParseDict(json.loads(plain(frozenset(masks)).text(message)), type(message)())


@pytest.mark.parametrize("mask", ["", "envs", "KeyValue", "KeyValue.", "KeyValue.no", "No.value"])
def test_a_mask_of_no_field_is_refused(mask: str) -> None:
    with pytest.raises(UsageError, match=r"is no field of the CRI, such as KeyValue\.value"):
        require_fields([mask])


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ('{"auth":{"username":"me","auth":""}}', '{"username":"***","auth":""}'),
        ('{"password":"x\\"y"}', '{"password":"***"}'),
        ('{"headers":{"Authorization":["Bearer x"]}}', '{"Authorization":"***"}'),
        ('{"identitytoken": "x"}', '{"identitytoken": "***"}'),
        ('{"authors": "x"}', '{"authors": "x"}'),
    ],
)
def test_credentials_in_the_configuration_of_a_runtime_are_masked(told: str, written: str) -> None:
    fields = json.loads(plain().text(pb.StatusResponse(info={"config": told})))
    assert written in fields["info"]["config"]
    json.loads(fields["info"]["config"])
