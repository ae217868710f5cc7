"""Personalities: rows of traits, by their names."""

from dataclasses import fields

import pytest

from fakecri.core import personalities
from fakecri.core.personalities import DEFAULT, PROFILES, profile_of
from fakecri.core.profiles import CONTAINERD, Profile
from fakecri.errors import UsageError


@pytest.mark.parametrize("name", ["", "containerd", DEFAULT])
def test_the_default_has_a_name_and_needs_none(name: str) -> None:
    assert profile_of(name) is CONTAINERD


@pytest.mark.parametrize("name", [each for each in PROFILES if each != DEFAULT])
def test_a_personality_is_called_what_it_is_and_differs_from_the_default(name: str) -> None:
    profile = profile_of(name)
    assert profile.name == name
    assert any(
        getattr(profile, each.name) != each.default
        for each in fields(Profile)
        if each.name != "name"
    )


@pytest.mark.parametrize(
    "name", ["docker", "containerd-1.6+", "containerd-1.6+lazy", "+", "Containerd-2", " "]
)
def test_an_unknown_personality_is_refused_and_the_known_ones_are_listed(name: str) -> None:
    with pytest.raises(UsageError) as refusal:
        profile_of(name)
    assert str(refusal.value).startswith(
        f"{name!r} is no personality: containerd-2, containerd-1.7, containerd-1.6"
    )


def test_what_is_added_changes_its_traits_of_any_personality(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        personalities, "ADDITIONS", {"brief": {"backlog_s": 1}, "x": {"root": "/x"}}
    )
    profile = profile_of("containerd-1.6+brief+x")
    assert (profile.name, profile.backlog_s, profile.root) == ("containerd-1.6+brief+x", 1, "/x")
    assert profile.runtime_version == PROFILES["containerd-1.6"].runtime_version
    assert profile_of(profile_of("+x").name) == profile_of("containerd-2+x")
