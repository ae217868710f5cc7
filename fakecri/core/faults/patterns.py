"""Globs and regular expressions, compiled once; both fit a whole text or not at all."""

import re
import warnings
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache
from operator import methodcaller

_SPECIAL = re.compile(r"[*?\[]")
_USUAL = re.compile(r"(\*?)([^*?\[]*)(\*?)", re.DOTALL)
"""A glob with stars at its ends at most."""


class PatternError(ValueError):
    """The text is no regular expression."""


def is_glob(text: str) -> bool:
    """Whether a text has anything in it that makes a glob match more than itself."""
    return _SPECIAL.search(text) is not None


@lru_cache(maxsize=1024)
def compiled_regex(text: str) -> re.Pattern[str]:
    """Compile a regular expression. PatternError where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Python may mean by [[ some day
            return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(str(error)) from None


@lru_cache(maxsize=1024)
def glob_matcher(text: str) -> Callable[[str], object]:
    """Return a function that is true of the texts that a glob matches."""
    if not is_glob(text):
        return text.__eq__
    usual = _USUAL.fullmatch(text)
    if usual is None:
        return compiled_regex(translate(text)).match
    # These are nearly all, and much quicker without a regular expression.
    before, inner, after = usual.groups()
    if before and after:
        return methodcaller("__contains__", inner)
    return methodcaller("startswith" if after else "endswith", inner)


def regex_matcher(text: str) -> Callable[[str], object]:
    """Return a function that is true of the texts that a regular expression fits as a whole."""
    return compiled_regex(text).fullmatch
