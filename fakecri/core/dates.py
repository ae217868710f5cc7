"""`date`: the wall clock of the container, in UTC, in integers."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from fakecri.core.applets import Surroundings, complain
from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.timestamps import NANOS_PER_SECOND, format_rfc3339_ns, parse_rfc3339_ns

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAY_S = 86_400
_LAST_SECOND = 67_768_036_191_676_799  # the end of the last year that C's struct tm can hold

_LONG = {
    "rfc-822": "R",
    "rfc-2822": "R",
    "set": "s",
    "utc": "u",
    "date": "d",
    "reference": "r",
}
_ISO_FORMATS = {
    "date": "%Y-%m-%d",
    "hours": "%Y-%m-%dT%H+00:00",
    "minutes": "%Y-%m-%dT%H:%M+00:00",
    "seconds": "%Y-%m-%dT%H:%M:%S+00:00",
    "ns": "%Y-%m-%dT%H:%M:%S,{nanos:09}+00:00",
}
_DEFAULT_FORMAT = "%a %b %e %H:%M:%S %Z %Y"
_RFC_2822_FORMAT = "%a, %d %b %Y %H:%M:%S +0000"


def show_date(process: Process, _: Surroundings) -> int:
    """Show the date, or another one, in some format. Setting it is refused, as in a container."""
    options = read_options(process.spec.argv, "Rs:ud:r:I::D:", _LONG)
    form, text = _format_and_time(options)
    if "D" in options.letters and text is not None:
        return complain(process, "date", "fakecri does not simulate -D")
    if "r" in options.letters:
        path = options.values("r")[-1]
        return complain(process, "date", f"can't stat '{path}': No such file or directory")
    seconds, nanos = divmod(process.wall_ns(), NANOS_PER_SECOND)
    if text is not None:
        parsed = parse_date_s(text, today_s=seconds - seconds % _DAY_S)
        if parsed is None:
            return complain(process, "date", f"invalid date '{text}'")
        seconds, nanos = parsed, 0
        if "d" not in options.letters:
            complain(process, "date", "can't set date: Operation not permitted")
    process.write(f"{format_date(seconds, form.replace('{nanos:09}', f'{nanos:09}'))}\n".encode())
    return 0


def format_date(seconds: int, form: str) -> str:
    """Return a time, given in seconds since the epoch, as strftime(3) writes it in C and UTC."""
    moment = _Moment(seconds)
    return _DIRECTIVE.sub(lambda match: _formatted(match, moment), form)


def _format_and_time(options: Options) -> tuple[str, str | None]:
    """The format, and the time that is to be shown or set, if it is not the present one."""
    operands = list(options.operands)
    form = operands.pop(0)[1:] if operands and operands[0].startswith("+") else None
    given = options.values("d")[-1:] + options.values("s")[-1:]
    exclusive = len(given) > 1 or {"R", "I"} <= options.letters
    if exclusive or len(operands) > 1 or (operands and given):
        raise UsageError
    text = next(iter(given + operands), None)
    return _chosen_format(options) if form is None else form, text


def _chosen_format(options: Options) -> str:
    if "R" in options.letters:
        return _RFC_2822_FORMAT
    if "I" not in options.letters:
        return _DEFAULT_FORMAT
    asked = options.values("I")[-1]
    matches = [form for name, form in _ISO_FORMATS.items() if name.startswith(asked)]
    if not matches:
        raise UsageError
    return matches[0]


_CLOCK = r"(?P<hour>\d+):(?P<minute>\d+)(?::(?P<second>\d+))?"
_DAY = r"(?P<year>\d+)-(?P<month>\d+)-(?P<day>\d+)"
_PACKED = (
    r"(?:(?:(?:(?P<year>\d\d|\d{4})?(?P<month>\d\d))?(?P<day>\d\d))?(?P<hour>\d\d))?"
    r"(?P<minute>\d\d)(?:\.(?P<second>\d\d))?"
)
_CENTURY = 100
_TIMES = (
    _PACKED,
    _CLOCK,
    rf"{_DAY}(?: +(?P<hour>\d+)(?::(?P<minute>\d+)(?::(?P<second>\d+))?)?)?",
    rf"(?:(?P<year>\d+)\.)?(?P<month>\d+)\.(?P<day>\d+)-{_CLOCK}",
)


def parse_date_s(text: str, today_s: int) -> int | None:
    """Seconds since the epoch, or None where it is no time."""
    if re.fullmatch(r"@[0-9]+", text):
        return int(text[1:]) if int(text[1:]) <= _LAST_SECOND else None
    matches = (re.fullmatch(each, text, re.ASCII) for each in _TIMES)
    match = next(filter(None, matches), None)
    if match is None:
        return None
    fields = {name: int(digits) for name, digits in match.groupdict().items() if digits}
    today = _Moment(today_s)
    if "day" in fields:
        fields.setdefault("month", today.civil[1])
    if match.re.pattern == _PACKED and fields.get("year", _CENTURY) < _CENTURY:
        # Two digits mean the year of that end which is nearest.
        ages = (today.year - fields["year"] + _CENTURY // 2 - 1) // _CENTURY
        fields["year"] += ages * _CENTURY
    return _fields_s(fields, today_s)


def _fields_s(fields: Mapping[str, int], today_s: int) -> int | None:
    hour, minute = fields.get("hour", 0), fields.get("minute", 0)
    second = fields.get("second", 0)
    month, day = fields.get("month", 1), fields.get("day", 1)
    year = fields.get("year", _Moment(today_s).year)
    limits = ((hour, 23), (minute, 59), (second, 60), (day, 31), (month, 12), (year, 9999))
    if any(value > limit for value, limit in limits) or not month or not day:
        return None
    days_s = today_s
    if "month" in fields:
        # A day too many is one of the next month.
        first_ns = parse_rfc3339_ns(f"{year:04}-{month:02}-01T00:00:00Z")
        days_s = first_ns // NANOS_PER_SECOND + (day - 1) * _DAY_S
    return days_s + hour * 3600 + minute * 60 + second


@dataclass(frozen=True)
class _Moment:
    """A time, and what strftime wants to know of it."""

    seconds: int

    @cached_property
    def civil(self) -> tuple[int, int, int]:
        date = format_rfc3339_ns(self.seconds * NANOS_PER_SECOND).partition("T")[0]
        year, month, day = date.rsplit("-", 2)
        return int(year), int(month), int(day)

    @property
    def year(self) -> int:
        return self.civil[0]

    @property
    def hour(self) -> int:
        return self.seconds // 3600 % 24

    @property
    def minute(self) -> int:
        return self.seconds // 60 % 60

    @property
    def weekday(self) -> int:
        """Monday is 0."""
        return (self.seconds // _DAY_S + 3) % 7

    @property
    def year_day(self) -> int:
        """1 January is 0."""
        year, month, day = self.civil
        before = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)[month - 1]
        return before + day - 1 + (month > 2 and _is_leap(year))  # noqa: PLR2004  # February

    @property
    def iso_year_and_week(self) -> tuple[int, int]:
        """The year and the week of the Thursday that is nearest."""
        thursday = self.year_day - self.weekday + 3
        year_days = 365 + _is_leap(self.year)
        if thursday < 0:
            return self.year - 1, (thursday + 365 + _is_leap(self.year - 1)) // 7 + 1
        if thursday >= year_days:
            return self.year + 1, 1
        return self.year, thursday // 7 + 1


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


_DIRECTIVE = re.compile(r"%([-_0^#]*)([0-9]*)[EO]?([A-Za-z%])")

# Width, what fills it up, and the number.
_NUMBERS: Mapping[str, tuple[int, str, Callable[[_Moment], int]]] = {
    "C": (2, "0", lambda m: m.year // 100),
    "d": (2, "0", lambda m: m.civil[2]),
    "e": (2, " ", lambda m: m.civil[2]),
    "g": (2, "0", lambda m: m.iso_year_and_week[0] % 100),
    "G": (1, "0", lambda m: m.iso_year_and_week[0]),
    "H": (2, "0", lambda m: m.hour),
    "I": (2, "0", lambda m: (m.hour - 1) % 12 + 1),
    "j": (3, "0", lambda m: m.year_day + 1),
    "k": (2, " ", lambda m: m.hour),
    "l": (2, " ", lambda m: (m.hour - 1) % 12 + 1),
    "m": (2, "0", lambda m: m.civil[1]),
    "M": (2, "0", lambda m: m.minute),
    "s": (1, "0", lambda m: m.seconds),
    "S": (2, "0", lambda m: m.seconds % 60),
    "u": (1, "0", lambda m: m.weekday + 1),
    "U": (2, "0", lambda m: (m.year_day + 7 - (m.weekday + 1) % 7) // 7),
    "V": (2, "0", lambda m: m.iso_year_and_week[1]),
    "w": (1, "0", lambda m: (m.weekday + 1) % 7),
    "W": (2, "0", lambda m: (m.year_day + 7 - m.weekday) // 7),
    "y": (2, "0", lambda m: m.year % 100),
    "Y": (1, "0", lambda m: m.year),
}
_WORDS: Mapping[str, Callable[[_Moment], str]] = {
    "a": lambda m: _WEEKDAYS[m.weekday][:3],
    "A": lambda m: _WEEKDAYS[m.weekday],
    "b": lambda m: _MONTHS[m.civil[1] - 1][:3],
    "B": lambda m: _MONTHS[m.civil[1] - 1],
    "h": lambda m: _MONTHS[m.civil[1] - 1][:3],
    "n": lambda _: "\n",
    "p": lambda m: "AM" if m.hour < 12 else "PM",  # noqa: PLR2004  # noon
    "P": lambda m: "am" if m.hour < 12 else "pm",  # noqa: PLR2004  # noon
    "t": lambda _: "\t",
    "z": lambda _: "+0000",
    "Z": lambda _: "UTC",
    "%": lambda _: "%",
}
_COMPOSED = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "r": "%I:%M:%S %p",
    "R": "%H:%M",
    "T": "%H:%M:%S",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
}
_FILLS = {"_": " ", "0": "0"}


def _formatted(match: re.Match[str], moment: _Moment) -> str:
    flags, width, letter = match.groups()
    if letter in _NUMBERS:
        least, fill, number = _NUMBERS[letter]
        text = str(number(moment))
    elif letter in _WORDS or letter in _COMPOSED:
        composed = _COMPOSED.get(letter)
        text = format_date(moment.seconds, composed) if composed else _WORDS[letter](moment)
        least, fill = 0, " "
    else:
        return match[0]
    for flag in flags:
        fill = _FILLS.get(flag, fill)
    if "#" in flags:
        text = text.lower() if letter in "pPZ" else text.upper()
    text = text.upper() if "^" in flags else text
    return text if "-" in flags else text.rjust(int(width or least), fill)
