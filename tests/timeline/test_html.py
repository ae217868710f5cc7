"""The page, as text: what is in it, and that nothing in a recording can break out of its place."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from fakecri.timeline import Selection, render_html
from fakecri.timeline.html import embedded
from tests.timeline.recordings import DB, WEB, Script

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\"'`&amp;",
    "[[script]][[recording]]",
    "\u2028\u2029\x00\ud800",
    "漢字 é 🙂",
)


class Scripts(HTMLParser):
    """What the scripts, the styles and the attributes of a page are."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.in_text = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")
        self.in_text = True

    def handle_endtag(self, _: str) -> None:
        self.in_text = False

    def handle_data(self, data: str) -> None:
        if self.in_text:
            self.texts[-1] += data

    def text(self, tag: str, **attributes: str) -> str:
        (found,) = [
            text
            for (name, has), text in zip(self.tags, self.texts, strict=True)
            if name == tag and attributes.items() <= has.items()
        ]
        return found


def recording_of(page: str) -> dict[str, object]:
    data: dict[str, object] = json.loads(Scripts(page).text("script", id="recording"))
    return data


def test_the_page_has_what_is_to_be_drawn() -> None:
    data = recording_of(render_html(Script(rules=["a"]).pod().container().recording))
    assert {key: len(data[key]) for key in ("lanes", "bars", "marks", "rules")} == {  # type: ignore[arg-type]  # lists, all of them
        "lanes": 2,
        "bars": 3,
        "marks": 3,
        "rules": 1,
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_stays_within_the_data(text: str) -> None:
    page = render_html(Script(rules=[text]).pod(WEB, text).recording)
    tame = render_html(Script(rules=["x"]).pod(WEB, "x").recording)
    assert [tag for tag, _ in Scripts(page).tags] == [tag for tag, _ in Scripts(tame).tags]
    data = recording_of(page)
    assert data["rules"] == [{"text": text, "fired": 0}]


def test_what_is_embedded_ends_no_element() -> None:
    text = embedded(list(HOSTILE))
    assert not re.search(r"[<>&\u2028\u2029]", text)
    assert json.loads(text) == list(HOSTILE)


def test_numbers_that_javascript_does_not_have_are_texts() -> None:
    odd = [2**53, -(2**53), 2**53 - 1, float("nan"), float("inf"), True, 1.5]
    assert json.loads(embedded(odd)) == [
        "9007199254740992",
        "-9007199254740992",
        9007199254740991,
        "nan",
        "inf",
        True,
        1.5,
    ]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = render_html(Script().pod().recording)
    parsed = Scripts(page)
    for tag, attributes in parsed.tags:
        assert tag not in {"iframe", "img", "object", "embed", "base"}
        assert not {"src", "action", "onclick", "onload"} & set(attributes)
        assert attributes.get("href", "data:,") == "data:,"
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|XMLHttp", page)


def test_the_page_allows_its_own_script_and_style_alone() -> None:
    parsed = Scripts(render_html(Script().recording))
    (policy,) = [
        attributes["content"] or ""
        for tag, attributes in parsed.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    allowed = dict(each.split(maxsplit=1) for each in policy.split("; "))
    assert allowed["default-src"] == "'none'"
    script = [
        text
        for (tag, attributes), text in zip(parsed.tags, parsed.texts, strict=True)
        if tag == "script" and "type" not in attributes
    ]
    assert allowed["script-src"] == f"'{digest(script[0])}'"
    assert allowed["style-src"] == f"'{digest(parsed.text('style'))}'"


def digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def test_a_selection_leaves_records_out() -> None:
    script = Script().pod(WEB, "web").pod(DB, "db").container()
    data = recording_of(render_html(script.recording, selection=Selection(pods=("db",))))
    assert len(data["lanes"]) == 1  # type: ignore[arg-type]  # a list
    assert "default/web" not in json.dumps(data["lanes"])
    assert len(data["records"]) < len(script.recording.records)  # type: ignore[arg-type]  # likewise


def test_the_same_recording_gives_the_same_page() -> None:
    script = Script().pod().container()
    assert render_html(script.recording) == render_html(script.recording)
