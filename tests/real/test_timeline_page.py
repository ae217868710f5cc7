"""The page of a timeline, in a real browser: it draws, answers to mouse and keys, and is quiet."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from fakecri.core.recording import Recording
from fakecri.timeline import Selection, render_html
from tests.real import install
from tests.real.browser import Browser, Page, open_browser, open_page
from tests.requirements import skip_for
from tests.timeline import example
from tests.timeline.recordings import DB, NGINX, SIDECAR, WEB, Script, recordings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
SHIFT = 8


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all."""
    skip_for(install.missing("chromium"))
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, of whose scripts nothing went wrong."""
    with open_page(browser) as page:
        yield page
        assert page.complaints == []


@pytest.fixture
def show(page: Page, tmp_path: Path) -> Callable[..., Page]:
    """Open a recording in the browser."""

    def opened(recording: Recording, **options: Any) -> Page:
        path = tmp_path / "run.html"
        path.write_text(render_html(recording, **options))
        page.open(path)
        return page

    return opened


def run() -> Script:
    """Two pods, a failure, a fault, a stream, reads."""
    rule = 'StopContainer{pod=web} = 1*error(UNAVAILABLE, "gone")'
    script = Script(rules=[rule]).read("Version")
    stream = script.call("GetContainerEvents")
    script.pod(WEB, "web").container(NGINX, "nginx").at(1).container(SIDECAR, "sidecar")
    script.at(2).pod(DB, "db").read("ListContainers")
    stop = script.at(5).call("StopContainer", container_id=NGINX)
    fired = {"rule": rule, "term": 0, "hit": 1, "effect": "definite", "phase": "before"}
    script.add("fault", call=stop, rpc="StopContainer", action="error(UNAVAILABLE)", **fired)
    script.at(7).failed(stop, "UNAVAILABLE", "gone", touched=[NGINX])
    script.add("state", what="oom", container=SIDECAR).add("clock", what="jump", by_ns=-5)
    script.at(9).move(SIDECAR, "RUNNING", "EXITED", "exit")
    return script.reply(stream)


def place_of(page: Page, condition: str) -> tuple[float, float]:
    """Where the thing is painted for which a condition on `item` holds."""
    place = page.evaluate(
        f"""(() => {{
          const chart = document.getElementById("chart").getBoundingClientRect();
          const {{ targets }} = fakecriTimeline.painter;
          const found = targets.filter(({{ item }}) => {condition});
          if (found.length !== 1) throw new Error(`${{found.length}} things are so`);
          const [{{ x, y, w, h }}] = found;
          return [chart.left + x + w / 2, chart.top + y + h / 2];
        }})()"""
    )
    return place[0], place[1]


def text(page: Page, selector: str) -> str:
    said: str = page.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")
    return said


def view(page: Page) -> tuple[float, float]:
    seen = page.evaluate("fakecriTimeline.view")
    return seen["from"], seen["to"]


def lanes(page: Page) -> list[str]:
    shown: list[str] = page.evaluate(
        "[...document.querySelectorAll('#labels b')].map((each) => each.textContent)"
    )
    return shown


def write_filter(page: Page, words: str) -> None:
    page.key("/")
    page.evaluate("document.getElementById('filter').select()")
    page.write(words)


STOP = 'item.rpc === "StopContainer"'


def test_lanes_rules_and_facts_are_there(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    assert lanes(page) == [
        *("node", "event streams", "default/web", "nginx", "sidecar", "default/db")
    ]
    assert text(page, "#rules li") == '1\nStopContainer{pod=web} = 1*error(UNAVAILABLE, "gone")'
    facts = text(page, "#facts")
    assert "containerd" in facts
    assert "9s" in facts


def test_the_page_asks_for_nothing_but_itself(show: Callable[..., Page], tmp_path: Path) -> None:
    page = show(run().recording)
    assert page.requests == [(tmp_path / "run.html").as_uri()]


def test_a_click_on_a_bar_shows_its_details(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    page.click(*place_of(page, STOP))
    details = text(page, "#details")
    assert details.startswith("StopContainer #10\nUNAVAILABLE")
    assert "UNAVAILABLE: gone" in details
    assert "took\n2s" in details
    assert "before: error(UNAVAILABLE)" in details
    assert f'"container_id": "{NGINX}"' in details
    assert "default/web / nginx" in details


def test_links_lead_from_an_event_to_its_call(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    page.click(*place_of(page, 'item.title === "event started" && item.call === 5'))
    assert text(page, "#details h2") == "event started"
    page.evaluate("[...document.querySelectorAll('#details .link')].at(-1).click()")
    assert text(page, "#details h2") == "StartContainer #5"


def test_a_click_beside_everything_closes_the_details(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    page.click(*place_of(page, STOP))
    page.click(900, 800)
    assert text(page, "#details") == ""


def test_the_wheel_zooms_about_the_pointer(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    before = view(page)
    x, y = place_of(page, STOP)
    page.wheel(x, y, dy=-300)
    after = view(page)
    assert before[0] < after[0] < after[1] < before[1]
    assert place_of(page, STOP)[0] == pytest.approx(x, abs=40)
    page.wheel(x, y, dy=5000)
    assert view(page) == before


def test_shift_and_the_wheel_pan(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    page.key("+", "+")
    page.key("+", "+")
    before = view(page)
    page.wheel(700, 400, dx=120)
    after = view(page)
    assert after[0] > before[0]
    assert after[1] - after[0] == pytest.approx(before[1] - before[0])


def test_keys_zoom_and_pan(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    page.evaluate("document.getElementById('chart').focus()")
    whole = view(page)
    page.key("+", "+")
    near = view(page)
    assert near[1] - near[0] < whole[1] - whole[0]
    page.key("ArrowRight", modifiers=SHIFT)
    assert view(page)[0] > near[0]
    page.key("-", "-")
    page.key("0", "0")
    assert view(page) == whole


def test_arrows_choose_and_say_what_is_chosen(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    page.evaluate("document.getElementById('chart').focus()")
    page.key("ArrowDown")
    page.key("ArrowDown")
    page.key("ArrowDown")
    assert text(page, "#details h2") == "RunPodSandbox #3"
    page.key("ArrowRight")
    assert text(page, "#details h2") == "event created"
    assert page.evaluate("document.getElementById('said').textContent") == (
        "event created, default/web"
    )
    page.key("Enter")
    assert page.evaluate("document.activeElement.id") == "panel"
    page.key("Escape")
    assert text(page, "#details") == ""


def test_the_filter_hides_lanes(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    write_filter(page, "default/db")
    assert lanes(page) == ["default/db"]
    assert text(page, "#found") == "1 of 6 lanes"
    write_filter(page, "nginx unavailable")
    assert lanes(page) == ["default/web", "nginx"]
    write_filter(page, "nobody")
    assert lanes(page) == []
    assert page.evaluate("document.getElementById('empty').hidden") is False


def test_reads_are_hidden_until_asked_for(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    reads = "fakecriTimeline.painter.targets.filter(({item}) => item.read).length"
    assert page.evaluate(reads) == 0
    page.evaluate("document.getElementById('reads').click()")
    page.settle()
    assert page.evaluate(reads) == 2


def test_by_time_places_are_in_proportion(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    page.evaluate("document.getElementById('axis-time').click()")
    page.settle()
    pressed = "document.getElementById('axis-time').getAttribute('aria-pressed')"
    assert page.evaluate(pressed) == "true"
    left, right = page.evaluate(
        """(() => {
          const { painter } = fakecriTimeline;
          const bar = painter.targets.find(({ item }) => item.rpc === "StopContainer");
          const scale = painter.x(9e9) - painter.x(0);
          return [(bar.x - painter.x(0)) / scale, (bar.x + bar.w - painter.x(0)) / scale];
        })()"""
    )
    assert (left, right) == (pytest.approx(5 / 9), pytest.approx(7 / 9))


def test_the_page_opens_at_the_time_that_was_asked_for(show: Callable[..., Page]) -> None:
    page = show(run().recording, selection=Selection(from_ns=5 * 10**9, to_ns=7 * 10**9))
    seen = page.evaluate(
        """fakecriTimeline.model.records
            .filter((_, index) => fakecriTimeline.painter.x(fakecriTimeline.model.at(index)) >= 0)
            .map(({ v }) => v)"""
    )
    assert {5 * 10**9, 7 * 10**9} <= set(seen)
    assert 1 * 10**9 not in seen
    assert view(page)[1] < page.evaluate("fakecriTimeline.model.extent")[1]


def test_labels_are_buttons_that_tell_of_their_lane(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    page.evaluate(f"document.querySelector('[data-lane=\"{SIDECAR}\"] button').click()")
    details = text(page, "#details")
    assert details.startswith("sidecar")
    assert SIDECAR in details
    assert "EXITED (exit)" in details


def test_light_and_dark_are_different_pictures(show: Callable[..., Page]) -> None:
    page = show(run().recording)
    pictures = []
    for dark in (False, True):
        page.look(1400, 860, dark=dark)
        page.settle()
        pictures.append(page.evaluate("document.getElementById('chart').toDataURL()"))
    assert pictures[0] != pictures[1]
    # What the page inherits of the scheme, and what the canvas is told of it.
    ground = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, fakecriTimeline.painter.colour.ground]"
    )
    assert ground == ["rgb(18, 22, 29)", "#12161d"]


HOSTILE = [
    "</script><script>document.title='broken'</script>",
    "<img src=x onerror=\"document.title='broken'\">",
    "'\"`${1}\\",
    "\u2028漢字\u202e🙂",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text(show: Callable[..., Page], name: str) -> None:
    script = Script(rules=[name], profile=name).pod(WEB, name).container(NGINX, name)
    call = script.call("ExecSync", container_id=NGINX, cmd=[name])
    script.failed(call, "UNKNOWN", name).add("state", what=name, container=NGINX)
    page = show(script.recording)
    assert lanes(page) == [f"default/{name}", name]
    assert page.evaluate("document.querySelector('#rules code').textContent") == name
    page.click(*place_of(page, 'item.rpc === "ExecSync"'))
    error = page.evaluate("document.querySelector('#details pre').textContent")
    assert error == f"UNKNOWN: {name}"
    assert page.evaluate("document.title") == "fakecri timeline"
    assert page.evaluate("document.querySelectorAll('img, script').length") == 2


def test_an_empty_recording_is_an_empty_page(show: Callable[..., Page]) -> None:
    page = show(Script().recording)
    page.evaluate("document.getElementById('axis-time').click()")
    page.key("+", "+")
    page.key("ArrowRight")
    assert lanes(page) == ["node"]


def test_ten_thousand_records_are_drawn(show: Callable[..., Page]) -> None:
    script = Script()
    for number in range(120):
        script.at(number).pod(f"{number:064x}", f"web-{number}")
        for each in range(3):
            script.container(f"{number * 3 + each + 1000:064x}", f"c{each}", f"{number:064x}")
        for _ in range(30):
            script.read("ListContainers")
    assert len(script.recording.records) > 10_000
    page = show(script.recording)
    assert len(lanes(page)) == 481
    # Only what is seen is painted.
    assert 0 < page.evaluate("fakecriTimeline.painter.targets.length") < 2_000
    page.evaluate("document.getElementById('stage').scrollTop = 1e6")
    page.settle()
    assert "web-119" in page.evaluate(
        "fakecriTimeline.painter.targets.map(({item}) => "
        "fakecriTimeline.model.lanes[item.lane].pod).join()"
    )


def test_at_the_end_the_browser_is_gone() -> None:
    skip_for(install.missing("chromium"))
    with open_browser() as browser:
        command_line = browser.command("Browser.getVersion")
        assert "Chrome" in command_line["product"]
        home, process = browser.home, browser.process
    assert process.poll() is not None
    assert not home.exists()


TOUCH_ALL = """(() => {
  const page = fakecriTimeline;
  document.getElementById("reads").click();
  for (const axis of ["time", "order"]) {
    page.setAxis(axis);
    page.zoom(0.5);
    page.paint();
    for (const { item } of [...page.painter.targets]) page.choose(item);
    for (const lane of page.model.lanes) page.choose(lane);
    page.fit();
    page.paint();
  }
  return page.painter.targets.length;
})()"""


@given(recording=recordings())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_recording_is_drawn(browser: Browser, tmp_path: Path, recording: Recording) -> None:
    path = tmp_path / "any.html"
    path.write_text(render_html(recording))
    with open_page(browser) as page:
        page.open(path)
        assert page.evaluate(TOUCH_ALL) >= 0
        assert page.complaints == []


# The example of the docs.

PICTURE = ROOT / "docs" / "timeline.png"
REWRITE = os.environ.get("FAKECRI_REWRITE") == "1"


def test_the_example_is_drawn_and_its_picture_is_in_the_docs(page: Page, tmp_path: Path) -> None:
    """`FAKECRI_REWRITE=1` takes the picture anew; look at it before it is committed."""
    path = tmp_path / "example.html"
    path.write_text(render_html(Recording.parse(example.PATH.read_text().splitlines())))
    page.look(1400, 620)
    page.open(path)
    outages = page.evaluate("fakecriTimeline.model.outages")
    assert [each["begin"] < each["end"] for each in outages] == [True]
    page.click(*place_of(page, 'item.rpc === "StartContainer" && item.faults.length'))
    assert text(page, "#details h2").startswith("StartContainer")
    if REWRITE:
        PICTURE.write_bytes(page.screenshot())
    picture = PICTURE.read_bytes()
    assert picture[:4] == b"\x89PNG"
    assert struct.unpack(">II", picture[16:24]) == (1400, 620)
    assert len(picture) < 200_000
