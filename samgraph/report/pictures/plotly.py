"""plotly.js as a report needs it: the kinds of traces that its pictures draw, without maps, 3-D and all else.

The bundle that comes with plotly for Python is 4.8 MB, most of it for kinds that no report draws, and a browser reads
all of it before the first picture. It was made by esbuild: every module is a wrapper, `name=W((e,t)=>{...})`, whose
body runs when it is first asked for as `name()`, and the last one registers the kinds of traces. Here the other kinds
are left out of that list, and the bodies of modules that nothing reaches any more are emptied. A module counts as
reached wherever its name is called, so that only too much may stay. Licences stay. A version whose bundle was not tried
is taken whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from plotly.offline import get_plotlyjs, get_plotlyjs_version

TRIED = ("4.1.1",)  # versions of plotly.js whose reduced bundle drew every picture in tests/browser
TRACES = frozenset({"bar", "box", "sankey", "scatter", "treemap"})

_HELPER = re.compile(r"([\w$]+)=\(e,t(?:,r)?\)=>\(\)=>\{")  # what wraps a module: CommonJS and ES form
_CALL = re.compile(r"(?<![\w$.])([\w$]+)\(\)")
_REGISTERED = re.compile(r"\.register\(\[((?:[\w$]+\(\),?)+)\]\)")
_KIND = re.compile(r'moduleType:"trace",name:"(\w+)"')
_AGAIN = re.compile(r"[\w$]+\.exports=([\w$]+)\(\)")  # a module that only hands on another
_STRING = re.compile(r"""(?:"use strict";)?[\w$]+\.exports=(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_BRACE = re.compile(r"[{}]")
_END = re.compile(r"\}\)[;,]")


@cache
def plotly_js() -> str:
    """The text of plotly.js for a page's script."""
    whole = get_plotlyjs()
    return reduced(whole, TRACES) if get_plotlyjs_version() in TRIED else whole


def reduced(bundle: str, kinds: Iterable[str]) -> str:
    """The bundle with these kinds of traces alone; unchanged where it is not built as this module expects."""
    spans = _modules(bundle)
    body = {name: bundle[first:last] for name, (first, last) in spans.items()}
    entry = next((name for name, code in body.items() if _REGISTERED.search(code)), None)
    if entry is None:
        return bundle
    listed = _REGISTERED.search(body[entry])
    assert listed is not None
    wanted, known = set(kinds) - {"scatter"}, {}  # scatter belongs to the core
    for name in _CALL.findall(listed[1]):
        known[_kind(name, body)] = name
    if not wanted <= set(known):
        return bundle
    calls = ",".join(f"{known[kind]}()" for kind in sorted(wanted))
    body[entry] = body[entry].replace(listed[1], calls)
    places = sorted(spans.items(), key=lambda item: item[1])
    outside, end = [], 0
    for _, (first, last) in places:
        outside.append(bundle[end:first])
        end = last
    outside.append(bundle[end:])
    reached = _reached("".join(outside), body)
    inside = [body[name] if name in reached else "" for name, _ in places]
    return "".join(text for both in zip(outside, [*inside, ""], strict=True) for text in both)


def _modules(bundle: str) -> dict[str, tuple[int, int]]:
    """Name -> where the body of its module begins and ends; a module whose end is not clear is left out."""
    helpers = "|".join(map(re.escape, _HELPER.findall(bundle)))
    if not helpers:
        return {}
    begin = re.compile(rf"(?<![\w$.])([\w$]+)=(?:{helpers})\((?:\([\w$,]*\)|[\w$]+)=>\{{")
    spans: dict[str, tuple[int, int]] = {}
    end = 0
    for found in begin.finditer(bundle):
        if found.start() < end:
            continue
        last = _last(bundle, found.end())
        if last is not None and _END.match(bundle, last):
            spans[found[1]] = (found.end(), last)
            end = last
    return spans


def _last(bundle: str, first: int) -> int | None:
    """Where the body that begins at `first` ends: braces are counted, and one long string is read as such."""
    text = _STRING.match(bundle, first)
    if text is not None:
        return text.end()
    depth = 1
    for brace in _BRACE.finditer(bundle, first):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.start()
    return None


def _kind(name: str, body: dict[str, str]) -> str:
    """The kind of trace that a registered module is; empty for any other."""
    for _ in range(5):
        code = body.get(name, "")
        if found := _KIND.search(code):
            return found[1]
        if (handed := _AGAIN.fullmatch(code.removeprefix('"use strict";'))) is None:
            return ""
        name = handed[1]
    return ""


def _reached(outside: str, body: dict[str, str]) -> set[str]:
    reached: set[str] = set()
    left = [outside]
    while left:
        called = {name for name in _CALL.findall(left.pop()) if name in body} - reached
        reached |= called
        left += [body[name] for name in called]
    return reached
