"""The commands of a userland that work on lines of text: `TEXT_TOOLS` has them by name."""

from collections.abc import Mapping

from fakecri.core.applets import Applet
from fakecri.core.tools.text.characters import strings, tr
from fakecri.core.tools.text.columns import expand, fold, nl, rev, tac, unexpand, wc
from fakecri.core.tools.text.comparing import cmp, diff
from fakecri.core.tools.text.ends import head, tail
from fakecri.core.tools.text.fields import cut, paste
from fakecri.core.tools.text.grep import egrep, fgrep, grep
from fakecri.core.tools.text.ordering import comm, join, sort, uniq
from fakecri.core.tools.text.sed import sed
from fakecri.core.tools.text.splitting import printf, split
from fakecri.core.tools.text.streams import tool

_TROUBLE = 2
_GREP = "[-HhnlLoqvsrRiwFEz] [-m N] [-A|B|C N] { PATTERN | -e PATTERN... | -f FILE... } [FILE]..."
_SORT = "[-nrugMcszbdfiokt] [-o FILE] [-k START[.OFS][OPTS][,END[.OFS][OPTS]] [-t CHAR] [FILE]..."
_SED = "[-i[SFX]] [-nrE] [-f FILE]... [-e CMD]... [FILE]..."
_DIFF = "[-abBdiNqrTstw] [-L LABEL] [-S FILE] [-U LINES] FILE1 FILE2"

TEXT_TOOLS: Mapping[str, Applet] = {
    "cmp": Applet(tool(cmp, _TROUBLE, usage=1), "[-ls] [-n NUM] FILE1 [FILE2 [SKIP1 [SKIP2]]]"),
    "comm": Applet(tool(comm), "[-123] FILE1 FILE2"),
    "cut": Applet(tool(cut), "[OPTIONS] [FILE]..."),
    "diff": Applet(tool(diff, _TROUBLE, usage=1), _DIFF),
    "egrep": Applet(tool(egrep, _TROUBLE), _GREP),
    "expand": Applet(tool(expand), "[-i] [-t N] [FILE]..."),
    "fgrep": Applet(tool(fgrep, _TROUBLE), _GREP),
    "fold": Applet(tool(fold), "[-bs] [-w WIDTH] [FILE]..."),
    "grep": Applet(tool(grep, _TROUBLE), _GREP),
    "head": Applet(tool(head), "[OPTIONS] [FILE]..."),
    "join": Applet(tool(join), "[OPTIONS] FILE1 FILE2"),
    "nl": Applet(tool(nl), "[OPTIONS] [FILE]..."),
    "paste": Applet(tool(paste), "[-d LIST] [-s] [FILE]..."),
    "printf": Applet(tool(printf), "FORMAT [ARG]..."),
    "rev": Applet(tool(rev), "[FILE]..."),
    "sed": Applet(tool(sed), _SED),
    "sort": Applet(tool(sort, _TROUBLE), _SORT),
    "split": Applet(tool(split), "[OPTIONS] [INPUT [PREFIX]]"),
    "strings": Applet(tool(strings), "[-fo] [-t o|d|x] [-n LEN] [FILE]..."),
    "tac": Applet(tool(tac), "[FILE]..."),
    "tail": Applet(tool(tail), "[OPTIONS] [FILE]..."),
    "tr": Applet(tool(tr), "[-cds] STRING1 [STRING2]"),
    "unexpand": Applet(tool(unexpand), "[-fa][-t N] [FILE]..."),
    "uniq": Applet(tool(uniq), "[-cduiz] [-f,s,w N] [FILE [OUTFILE]]"),
    "wc": Applet(tool(wc), "[-cmlwL] [FILE]..."),
}
