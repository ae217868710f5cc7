"""The page of a scenario's run, in a real browser: it shows all, its timeline too, and is quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakecri.scenarios.pages import render
from tests.real import install
from tests.real.browser import open_browser, open_page
from tests.requirements import skip_for
from tests.scenarios.stories import report
from tests.timeline import example

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_shows_the_timeline_and_asks_for_nothing(tmp_path: Path, dark: bool) -> None:
    skip_for(install.missing("chromium"))
    path = tmp_path / "report.html"
    result = report("arm Version = off\nsee restarts web/app >= 3")
    path.write_text(render(result, example.PATH.read_bytes()))
    with open_browser() as browser, open_page(browser) as page:
        page.look(1000, 900, dark=dark)
        page.open(path)
        page.evaluate("document.querySelector('iframe').scrollIntoView()")
        page.settle()
        drawn = page.screenshot()
        page.evaluate("document.querySelector('iframe').style.visibility = 'hidden'")
        page.settle()
        assert page.screenshot() != drawn
        heads = page.evaluate("[...document.querySelectorAll('h2')].map((each) => each.innerText)")
        assert [head.lower() for head in heads] == ["what was done, and what was seen", "timeline"]
        assert page.complaints == []
        assert page.requests == [path.as_uri()]
