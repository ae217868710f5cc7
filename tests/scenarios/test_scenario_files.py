"""The files of scenarios: those of the library, and what is said of wrong ones."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.list_scenarios import MEASURED, outcome_of, versions
from fakecri.errors import UsageError
from fakecri.scenarios import find, library, names
from fakecri.scenarios.files import CANNOT_RUN, NOT_REPRODUCED, REPRODUCED, minor_of, parse
from fakecri.scenarios.manifests import edited, find_field, manifests
from tests.taxonomy.shows import class_rows

HEAD = """
number = 1
classes = ["E3"]
threads = ["k8s#1"]
about = "a bug"
"""
LIVE = """
[live]
expect = "a symptom"
outcome = { "1.35" = "reproduced", "1.36" = "reproduced" }
steps = '''
see exited
'''
"""


@pytest.mark.parametrize("name", names())
def test_the_library_can_be_read(name: str) -> None:
    scenario = find(name)
    assert scenario.about.strip()
    assert set(scenario.classes) <= {class_id for class_id, _, _ in class_rows()}
    if scenario.live is not None:
        assert scenario.live.expect
        assert scenario.live.cannot_run or scenario.live.injected


def test_each_number_is_that_of_one_scenario() -> None:
    numbers = [each.number for each in library()]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", names())
def test_what_can_run_was_run_with_every_kubelet(name: str) -> None:
    live = find(name).live
    assert live is not None
    can_run = [each for each in versions() if live.expected(minor_of(each)) != CANNOT_RUN]
    assert sorted(outcome_of(name)) == sorted(can_run)


@pytest.mark.parametrize("path", sorted(MEASURED.glob("*.json")), ids=lambda path: path.stem)
def test_what_was_measured_is_what_the_file_says(path: Path) -> None:
    live = find(path.stem).live
    assert live is not None
    for version, run in outcome_of(path.stem).items():
        assert run["outcome"] == live.expected(minor_of(version))


def test_a_file_by_its_path_is_read_as_one_of_the_library(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + LIVE)
    scenario = find(str(path))
    assert scenario.id == "mine"
    assert scenario.live is not None
    assert [step.text for step in scenario.live.steps] == ["see exited"]


@pytest.mark.parametrize(
    ("minor", "outcome"),
    [
        ("1.34", REPRODUCED),
        ("1.35", REPRODUCED),
        ("1.36", NOT_REPRODUCED),
        ("1.40", NOT_REPRODUCED),
    ],
)
def test_a_version_that_is_not_listed_is_as_the_newest_before_it(minor: str, outcome: str) -> None:
    live = LIVE.replace('"1.36" = "reproduced"', '"1.36" = "not reproduced"')
    scenario = parse("x", HEAD + live.replace("see exited", "see exited\ninstead not exited"))
    assert scenario.live is not None
    assert scenario.live.expected(minor) == outcome


def test_what_cannot_run_needs_no_steps() -> None:
    scenario = parse("x", HEAD + '[live]\nexpect = "y"\ncannot_run = "it needs an API server"\n')
    assert scenario.live is not None
    assert scenario.live.expected("1.36") == CANNOT_RUN


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("number = ", "x.toml: Invalid value (at "),
        (HEAD + "clases = []", "x.toml: clases: there is no such key; did you mean classes?"),
        (HEAD.replace("number = 1", ""), "x.toml: number: this key is missing"),
        (HEAD.replace("1\n", "'1'\n", 1), "x.toml: number: '1' is not a number"),
        (
            HEAD + LIVE + "setings = {}",
            "x.toml: live.setings: there is no such key; did you mean settings?",
        ),
        (HEAD + LIVE + "gates = { A = 1 }", "x.toml: live.gates.A: 1 is not true or false"),
        (
            HEAD + LIVE + "cri = { sed = 1 }",
            "x.toml: live.cri.sed: there is no such key: personality, ",
        ),
        (
            HEAD + LIVE.replace("see", "sea"),
            "x.toml: live.steps: line 1, column 1: sea is not a step",
        ),
        (HEAD + LIVE.replace("see exited", "put"), "x.toml: live.steps: nothing is a symptom"),
        (HEAD + LIVE.replace('"1.36"', '"new"'), "x.toml: live.outcome: new is no minor version"),
        (
            HEAD + LIVE.replace('"reproduced" }', '"reprodused" }'),
            "x.toml: live.outcome.1.36: 'reprodused' is no outcome; did you mean reproduced?",
        ),
        (
            HEAD + LIVE.replace('"reproduced" }', '"not reproduced" }'),
            "x.toml: live.steps: not reproduced: write what comes instead",
        ),
        (HEAD + LIVE + "images = [1]", "x.toml: live.images: [1] is not a list of texts"),
        (HEAD + "[live]\nexpect = ''\ncannot_run = ''", "x.toml: live.steps: this key is missing"),
        (HEAD + LIVE + "[[live.pods]]\n", "x.toml: live.pods[0].name: a pod needs a name"),
        (HEAD + LIVE + "pods = [1]\n", "x.toml: live.pods[0]: a pod is a table"),
    ],
)
def test_a_mistake_is_told_with_its_key(text: str, complaint: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse("x", text)
    assert str(raised.value).startswith(complaint)


def test_a_scenario_that_is_not_there_is_told_with_what_was_meant() -> None:
    with pytest.raises(UsageError, match="did you mean clock-back-container"):
        find("clock-back-containr")


def test_short_tables_become_whole_manifests() -> None:
    made = manifests(
        [
            {"name": "web", "uid": "u", "restartPolicy": "Never"},
            {"name": "db", "count": 2, "containers": [{"run": "exit 3"}, {"image": "nginx"}]},
        ]
    )
    assert list(made) == ["web", "db-0", "db-1"]
    web = made["web"]
    assert web["metadata"] == {"name": "web", "namespace": "default", "uid": "u"}
    assert web["spec"]["restartPolicy"] == "Never"
    assert web["spec"]["containers"][0]["command"] == ["sleep", "infinity"]
    first, second = made["db-1"]["spec"]["containers"]
    assert (first["name"], first["command"]) == ("app", ["sh", "-c", "exit 3"])
    assert (second["name"], second["image"], "command" in second) == ("app-1", "nginx", False)


@pytest.mark.parametrize(
    ("pod", "complaint"),
    [
        ({"name": "web", "count": 0}, r"pods\[0\]\.count: 0 is no number of pods"),
        ({"name": "web", "count": 2, "uid": "u"}, "cannot all have one uid"),
        ({"name": "a/b"}, r"pods\[0\]\.name: 'a/b' is no name"),
        ({"name": "web", "day": date(2030, 1, 1)}, "date is not JSON serializable"),
        ({"name": "web", "containers": 3}, r"pods\[0\]\.containers: 3 is not a list"),
        ({"name": "web", "containers": [{"name": 5}]}, r"\[0\]\.name: 5 is not a text"),
        ({"name": "web", "containers": [1]}, r"pods\[0\]\.containers\[0\]: a container is a table"),
        ({"name": "web", "containers": [{"run": "x", "command": []}]}, "do not go together"),
    ],
)
def test_pods_that_cannot_be_are_told(pod: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        manifests([pod])


def test_two_pods_of_one_name_are_a_mistake() -> None:
    with pytest.raises(UsageError, match=r"pods\[1\]\.name: there is a pod web already"):
        manifests([{"name": "web"}, {"name": "web"}])


def test_a_manifest_is_edited_by_a_path() -> None:
    (web,) = manifests([{"name": "web"}]).values()
    path = "spec.containers.app.resources.limits.cpu"
    changed = edited(web, path, "2")
    assert find_field(changed, path) == "2"
    assert find_field(changed, "spec.containers.0.resources.limits.cpu") == "2"
    assert find_field(web, path) is None
    with pytest.raises(UsageError, match="there is no ap; did you mean app"):
        edited(web, "spec.containers.ap.image", "x")
    with pytest.raises(UsageError, match="there is nothing below"):
        edited(web, "spec.containers.app.image.tag", "x")


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from([HEAD, LIVE, "[live]", "pods = [{}]"])).map("\n".join)
)
def test_any_text_is_a_scenario_or_a_mistake(text: str) -> None:
    try:
        parse("x", text)
    except UsageError as error:
        told = str(error)
    else:
        told = "x.toml: "
    assert told.startswith("x.toml: ")
