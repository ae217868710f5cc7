"""At every level every row of the table is there, or is not."""

import csv
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri.api import runtime_pb2 as pb
from fakecri.core.contracts import Contract
from fakecri.core.levels import LEVELS, level_of
from fakecri.errors import Code, CRIError, UsageError
from fakecri.rpcs import RPCS, VERSION
from tests.messages import messages

TABLE = Path(__file__).parents[2] / "fixtures" / "cri-v1.tsv"
ROWS = list(csv.DictReader(TABLE.read_text().splitlines(), delimiter="\t"))
RENAMED = "Signal"
"""The enum whose values have other names since 1.37, and the same numbers."""
DOCUMENTED = re.compile(r"^\| (1\.\d\d) \|(.*?)\|", re.MULTILINE)
IDS = st.sampled_from(["", "a"])


def minor(since: str) -> int:
    return int(since.removeprefix("1."))


@cache
def described(contract: Contract) -> dict[str, set[str]]:
    """Name all that a contract has: by kind, as the rows of the table do."""
    file = contract.file
    enums = {
        **{each.name: each for each in file.enum_type},
        **{f"{m.name}.{each.name}": each for m in file.message_type for each in m.enum_type},
    }
    return {
        "rpc": {f"{s.name}.{each.name}" for s in file.service for each in s.method},
        "field": {f"{m.name}.{each.name}" for m in file.message_type for each in m.field},
        "message": {f"{m.name}." for m in file.message_type},
        "enum": {f"{name}.{each.name}" for name, enum in enums.items() for each in enum.value},
    }


@pytest.mark.parametrize("name", LEVELS)
def test_a_level_has_the_rows_that_are_no_younger(name: str) -> None:
    have = described(level_of(name).v1)
    for row in ROWS:
        if row["name"] != RENAMED:
            is_there = f"{row['name']}.{row['member']}" in have[row["kind"]]
            assert is_there == (minor(row["since"]) <= LEVELS[name]), row


@pytest.mark.parametrize("name", LEVELS)
def test_v1alpha2_has_the_rows_that_it_had(name: str) -> None:
    contract = level_of(name, v1alpha2=True).v1alpha2
    assert contract is not None
    have = described(contract)
    for row in ROWS:
        is_there = f"{row['name']}.{row['member']}" in have[row["kind"]]
        was_there = row["v1alpha2"] == "yes" and minor(row["since"]) <= LEVELS[name]
        assert is_there == was_there, row


@pytest.mark.parametrize(("name", "first"), [("1.32", None), ("1.33", "RUNTIME_DEFAULT")])
def test_the_values_of_signal_have_the_names_of_their_time(name: str, first: str | None) -> None:
    enums = {each.name: each for each in level_of(name).v1.file.enum_type}
    assert (enums[RENAMED].value[0].name if RENAMED in enums else None) == first
    if first:
        numbers = [each.number for each in enums[RENAMED].value]
        assert numbers == [value.number for value in pb.Signal.DESCRIPTOR.values]


def test_levels_go_from_the_first_with_v1_to_the_newest() -> None:
    assert next(iter(LEVELS)) == min(row["since"] for row in ROWS) == "1.20"
    assert list(LEVELS)[17:] == [VERSION]


def test_v1alpha2_goes_with_the_levels_that_had_it() -> None:
    assert [name for name in LEVELS if level_of(name).v1alpha2] == [*LEVELS][:6]
    assert level_of("1.27", v1alpha2=True).v1alpha2 is not None
    assert level_of("1.24", v1alpha2=False).v1alpha2 is None


@pytest.mark.parametrize("name", ["1.19", "1.38", "1", "v1.30", "1.30.0", "1.3", "30", " 1.30", ""])
def test_what_is_no_level_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"is no API level: there are 1\.20 to 1\.37"):
        level_of(name)


def test_the_newest_level_leaves_messages_as_they_are() -> None:
    response = pb.StatusResponse(runtime_handlers=[pb.RuntimeHandler(name="runc")])
    assert level_of(VERSION).v1.cut(response) is response
    cut: Any = level_of("1.29").v1.cut(response)
    assert not cut.runtime_handlers
    assert response.runtime_handlers


def test_what_is_younger_is_cut_at_any_depth() -> None:
    image = pb.ImageSpec(image="a", user_specified_image="b", runtime_handler="c")
    config = pb.ContainerConfig(image=image, mounts=[pb.Mount(host_path="/x", image=image)])
    request = pb.CreateContainerRequest(config=config)
    cut: Any = level_of("1.28").v1.cut(request)
    assert cut.config.image == pb.ImageSpec(image="a", user_specified_image="b")
    assert cut.config.mounts == [pb.Mount(host_path="/x")]
    assert level_of("1.30").v1.cut(request).config.image == image  # type: ignore[attr-defined]  # a request


def younger(message: Message, contract: Contract) -> list[str]:
    """Name the fields of a message, at any depth, that a contract does not have."""
    have = described(contract)["field"]
    found = []
    for field, content in message.ListFields():
        name = f"{message.DESCRIPTOR.name}.{field.name}"
        if not message.DESCRIPTOR.GetOptions().map_entry and name not in have:
            found.append(name)
        inner = field.message_type
        if inner is not None and not inner.GetOptions().map_entry:
            for each in content if field.is_repeated else [content]:
                found += younger(each, contract)
    return found


@pytest.mark.parametrize("rpc", RPCS)
@settings(max_examples=20)
@given(data=st.data())
def test_no_message_of_any_rpc_keeps_what_is_younger(rpc: str, data: st.DataObject) -> None:
    level = level_of(data.draw(st.sampled_from([*LEVELS])), v1alpha2=True)
    for contract in (level.v1, level.v1alpha2):
        assert contract is not None
        if rpc in contract.methods:
            for type_ in (RPCS[rpc].request, RPCS[rpc].response):
                message = data.draw(messages(type_.DESCRIPTOR, IDS))
                before = message.SerializeToString(deterministic=True)
                cut = contract.cut(message)
                assert younger(cut, contract) == []
                assert message.SerializeToString(deterministic=True) == before
                if not younger(message, contract):
                    assert cut == message or "nan" in str(message)
                assert contract.cut(cut) == cut or "nan" in str(message)


def test_the_documentation_tells_when_each_rpc_came() -> None:
    page = (TABLE.parents[1] / "docs" / "levels.md").read_text()
    told = {
        name: since
        for since, names in DOCUMENTED.findall(page)
        for name in re.findall(r"`(\w+)`", names)
        if since != "1.20"
    }
    ages = {row["member"]: row["since"] for row in ROWS if row["kind"] == "rpc"}
    assert told == {name: since for name, since in ages.items() if since != "1.20"}


def test_a_method_that_is_not_there_is_unknown_to_its_service() -> None:
    level = level_of("1.25")
    for name in ("RuntimeConfig", "StreamImages"):
        with pytest.raises(CRIError) as refusal:
            level.v1.require(RPCS[name])
        text = f"unknown method {name} for service runtime.v1.{RPCS[name].service}"
        assert (refusal.value.code, refusal.value.message) == (Code.UNIMPLEMENTED, text)
    level.v1.require(RPCS["GetContainerEvents"])
