"""A recording as something to look at: text, a trace for Perfetto, a page for a browser.

It is pure: a Recording goes in, a text comes out, and the same recording gives the same text.
"""

from fakecri.timeline.html import render_html
from fakecri.timeline.selection import Selection
from fakecri.timeline.text import READS, render_text
from fakecri.timeline.trace import render_trace

__all__ = ["READS", "Selection", "render_html", "render_text", "render_trace"]
