"""Rules that hypothesis makes up: any that the tables allow."""

from hypothesis import strategies as st

from fakecri.core.faults.checks import ArgumentError, check_arguments
from fakecri.core.faults.fits import find_misfit
from fakecri.core.faults.kinds import KINDS, is_session
from fakecri.core.faults.parameters import Parameter, Type, is_required
from fakecri.core.faults.rules import Action, Condition, Duration, Phase, Rule, Term, Value, When
from fakecri.core.faults.subjects import KEYS, STATES
from fakecri.core.faults.targets import WORDS, expanded
from fakecri.errors import Code
from fakecri.rpcs import RPCS

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
COUNTS = st.integers(1, 10**9)
SPANS = st.builds(Duration, st.integers(1, 2**62))
MARKS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,20}[A-Za-z0-9]", fullmatch=True)
WORDS_OF_USERS = st.from_regex(r"[a-z_]{9,12}", fullmatch=True)
NUMBERS = st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)

WHENS = st.one_of(
    st.builds(When, st.sampled_from(("next", "nth", "after", "every", "max")), st.tuples(COUNTS)),
    st.builds(When, st.sampled_from(("for", "first", "from", "until")), st.tuples(SPANS)),
    st.builds(When, st.just("while"), st.tuples(st.sampled_from(STATES))),
    st.builds(When, st.sampled_from(("on_connect", "once"))),
)
CHANCES = st.builds(
    When,
    st.just("percent"),
    st.tuples(st.integers(1, 100) | st.floats(0, 100, exclude_min=True)),
)

TEXT_KEYS = st.sampled_from(sorted({*KEYS} - {"state", "n", "attempt"})) | st.builds(
    str.__add__, st.sampled_from(("label.", "ann.")), MARKS
)
CONDITIONS = st.one_of(
    st.builds(Condition, TEXT_KEYS, st.sampled_from(("=", "!=")), TEXTS),
    st.builds(Condition, TEXT_KEYS, st.just("=~"), st.sampled_from(("a|b", ".*", "[{(;#,]+", "~"))),
    st.builds(Condition, st.just("state"), st.sampled_from(("=", "!=")), st.sampled_from(STATES)),
    st.builds(
        Condition,
        st.sampled_from(("n", "attempt", "label.size")),
        st.sampled_from(("<", "<=", ">", ">=")),
        NUMBERS.map(str),
    ),
)
SELECTORS = st.lists(CONDITIONS, max_size=4).map(tuple)

_ARGUMENTS: dict[Type, st.SearchStrategy[Value]] = {
    Type.CODE: st.sampled_from([code for code in Code if code is not Code.OK]),
    Type.TEXT: TEXTS,
    Type.INT: st.integers(1, 1000) | st.integers(-(10**17), 10**17),
    Type.NUMBER: NUMBERS,
    Type.DURATION: SPANS | st.builds(Duration, st.integers(-(2**62), 2**62)),
    Type.WORD: WORDS_OF_USERS,
    Type.PATH: st.sampled_from(("status.state", 'items[*].labels["a.b/c"]', "x[0]")) | TEXTS,
    Type.LITERAL: st.booleans() | NUMBERS | TEXTS,
    Type.SELECTOR: st.lists(CONDITIONS, min_size=1, max_size=2).map(tuple),
}


def _value(parameter: Parameter) -> st.SearchStrategy[Value]:
    if parameter.type is Type.WORD and parameter.words:
        return st.sampled_from(parameter.words)
    return _ARGUMENTS[parameter.type]


@st.composite
def actions(draw: st.DrawFn) -> Action:
    """Return an action with as many arguments as one of its forms takes."""
    name = draw(st.sampled_from(sorted(KINDS)))
    form = draw(st.sampled_from(KINDS[name].all_forms))
    required = [each for each in form if is_required(each)]
    least = form.index(required[-1]) + 1 if required else 0
    number = draw(st.integers(least, len(form)))
    return Action(name, tuple(draw(_value(each)) for each in form[:number]))


@st.composite
def terms(draw: st.DrawFn, targets: tuple[str, ...]) -> Term:
    """Return a term that fits the targets."""
    action = draw(actions())
    phase = draw(st.sampled_from(KINDS[action.name].all_phases))
    whens = draw(st.lists(WHENS, max_size=3)) + draw(st.lists(CHANCES, max_size=1))
    of_sessions = all(is_session(phase, rpc) for rpc in expanded(targets))
    if phase in (Phase.REPLY, Phase.STREAM) and not of_sessions:
        at = st.builds(When, st.just("at"), st.tuples(COUNTS))
        whens = draw(st.lists(at, max_size=1)) + whens
    fits = _fits(action, phase, targets)
    return Term(action, phase, tuple(whens)) if fits else Term(Action("off"), Phase.BEFORE)


def _fits(action: Action, phase: Phase, targets: tuple[str, ...]) -> bool:
    misfits = {rpc for rpc in expanded(targets) if find_misfit(action.name, phase, rpc)}
    if misfits & set(targets) or misfits == set(expanded(targets)):
        return False
    try:
        check_arguments(action, phase, targets)
    except ArgumentError:
        return False
    return True


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Return a rule."""
    names = st.sampled_from([*WORDS, *RPCS])
    targets = tuple(draw(st.lists(names, min_size=1, max_size=3, unique=True)))
    chain = draw(st.lists(terms(targets), min_size=1, max_size=3))
    return Rule(targets, tuple(chain), draw(SELECTORS))
