"""Paths of fields: parsed against the contract, and what is done at their ends."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.paths import PathError, parse_path
from fakecri.rpcs import RPCS


def path(text: str, message: Any) -> Any:
    return parse_path(text, type(message).DESCRIPTOR)


def set_(message: Any, text: str, value: object) -> Any:
    assert path(text, message).set(message, value)
    return message


def containers(**labels: str) -> pb.ListContainersResponse:
    return pb.ListContainersResponse(
        containers=[pb.Container(id="a", labels=labels), pb.Container(id="b", labels=labels)]
    )


def test_a_field_of_a_message_that_is_missing_is_set_in_one_that_is_made() -> None:
    response = set_(pb.PodSandboxStatusResponse(), "status.network.ip", "10.0.0.9")
    assert response.status.network.ip == "10.0.0.9"


def test_an_empty_text_makes_the_messages_on_its_way_too() -> None:
    response = set_(pb.PodSandboxStatusResponse(), "status.network.ip", "")
    assert response.status.HasField("network")


def test_every_item_of_a_list_is_set() -> None:
    response = set_(containers(), "containers[*].labels.app", "web")
    assert [each.labels["app"] for each in response.containers] == ["web", "web"]


def test_one_item_of_a_list_is_set() -> None:
    response = set_(containers(app="x"), "containers[1].labels.app", "web")
    assert [each.labels["app"] for each in response.containers] == ["x", "web"]


@pytest.mark.parametrize(
    "text",
    ['status.labels["io.kubernetes.pod.name"]', "status.labels.io.kubernetes.pod.name"],
)
def test_keys_of_maps_have_dots(text: str) -> None:
    response = set_(pb.ContainerStatusResponse(), text, "web")
    assert dict(response.status.labels) == {"io.kubernetes.pod.name": "web"}


def test_an_item_that_is_not_there_is_not_set() -> None:
    response = containers()
    assert not path("containers[7].id", response).set(response, "x")


def test_texts_in_lists_are_set() -> None:
    response = pb.ImageStatusResponse(image=pb.Image(repo_tags=["a", "b"]))
    set_(response, "image.repo_tags[1]", "c")
    assert list(response.image.repo_tags) == ["a", "c"]


def test_enums_take_their_names_and_numbers_of_the_future() -> None:
    response = set_(pb.ContainerStatusResponse(), "status.state", "CONTAINER_EXITED")
    assert response.status.state == pb.CONTAINER_EXITED
    assert set_(response, "status.state", 99).status.state == 99


def test_a_wrapped_number_is_set_through_its_message() -> None:
    response = set_(pb.ContainerStatsResponse(), "stats.cpu.usage_core_nano_seconds", 0)
    assert response.stats.cpu.HasField("usage_core_nano_seconds")


def test_bytes_take_a_text() -> None:
    assert set_(pb.ExecSyncResponse(), "stdout", "hé").stdout == "hé".encode()


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("status.network", True),
        ("status.labels", True),
        ('status.labels["app"]', True),
        ("status.labels.none", False),
        ("status.linux", False),
    ],
)
def test_what_is_unset_is_gone(text: str, gone: bool) -> None:
    response = pb.PodSandboxStatusResponse(
        status=pb.PodSandboxStatus(
            network=pb.PodSandboxNetworkStatus(ip="10.0.0.1"), labels={"app": "web"}
        )
    )
    assert path(text, response).unset(response) is gone
    assert not path(text, response).unset(response)


def test_items_are_removed_from_lists() -> None:
    response = containers()
    assert path("containers[0]", response).unset(response)
    assert [each.id for each in response.containers] == ["b"]
    assert path("containers[*]", response).unset(response)
    assert not response.containers


def test_stamps_are_shifted_and_never_stays_never() -> None:
    response = pb.ContainerStatusResponse(status=pb.ContainerStatus(created_at=100, finished_at=0))
    assert path("status.created_at", response).shift(response, -60)
    assert not path("status.finished_at", response).shift(response, -60)
    assert (response.status.created_at, response.status.finished_at) == (40, 0)


def test_what_does_not_fit_becomes_the_least_or_the_greatest_number() -> None:
    stats = pb.ContainerStatsResponse()
    set_(stats, "stats.cpu.usage_core_nano_seconds", 5)
    assert path("stats.cpu.usage_core_nano_seconds", stats).shift(stats, -60)
    assert stats.stats.cpu.usage_core_nano_seconds.value == 0
    status = pb.ContainerStatusResponse(status=pb.ContainerStatus(created_at=100))
    assert path("status.created_at", status).shift(status, 2**63)
    assert status.status.created_at == 2**63 - 1


@pytest.mark.parametrize(
    ("text", "offset", "complaint"),
    [
        ("", 0, "expected a field of ContainerStatusResponse"),
        ("resources", 0, "has no field resources; did you mean status.resources?"),
        ("status.stat", 7, "ContainerStatus has no field stat; did you mean state?"),
        ("status.id.x", 9, "id has no fields"),
        ("status.mounts.readonly", 13, "mounts is a list: write [*] for all items"),
        ("status.mounts[-1]", 14, "expected * or an index from 0 on, and ]"),
        ("status.mounts[0", 14, "expected * or an index"),
        ("status.mounts[0]x", 16, "expected . or the end of the path, not x"),
        ("status.id[0]", 9, "id is neither a list nor a map"),
        ("status.labels[app]", 14, "expected a key in quotes"),
        ("status.labels.", 14, "expected a key"),
        ('status.labels["\\q"]', 14, "escapes are those of JSON"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_where_it_goes_wrong(
    text: str, offset: int, complaint: str
) -> None:
    with pytest.raises(PathError) as refusal:
        parse_path(text, pb.ContainerStatusResponse.DESCRIPTOR)
    assert complaint in str(refusal.value)
    assert refusal.value.offset == offset


@pytest.mark.parametrize(
    ("text", "value", "complaint"),
    [
        ("status.id", 3, "id takes a text, not 3"),
        ("status.exit_code", "x", "exit_code takes a whole number from -2147483648 to 2147483647"),
        ("status.exit_code", 2**31, "exit_code takes a whole number"),
        ("status.exit_code", True, "exit_code takes a whole number"),
        ("status.state", "RUNNING", "state takes CONTAINER_CREATED, CONTAINER_RUNNING"),
        ("status.metadata", "x", "metadata is a message: set one of its fields, or unset it"),
        ("status.mounts", "x", "mounts is a list: write [*]"),
        ("status.labels", "x", "labels is a map: name a key"),
        ("status.mounts[0].readonly", 1, "readonly takes true or false, not 1"),
    ],
)
def test_a_value_that_a_field_does_not_take_is_refused(
    text: str, value: object, complaint: str
) -> None:
    found = parse_path(text, pb.ContainerStatusResponse.DESCRIPTOR)
    with pytest.raises(PathError) as refusal:
        found.value(value)
    assert complaint in str(refusal.value)


@given(
    st.sampled_from([rpc.response.DESCRIPTOR for rpc in RPCS.values()]),
    st.lists(
        st.sampled_from(["status", "containers", "labels", "[*]", "[0]", '["a.b/c"]', ".", "x"])
    ),
)
def test_no_text_is_more_than_a_path_or_an_error(message: Any, parts: list[str]) -> None:
    text = "".join(parts)
    try:
        found = parse_path(text, message)
    except PathError as error:
        where = error.offset
    else:
        assert found.text == text
        where = 0
    assert 0 <= where <= len(text)
