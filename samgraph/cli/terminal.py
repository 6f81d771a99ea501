"""Texts on a terminal: they show and do nothing else there.

Names come from vendors' tables and from the command line, and sentences quote them. A control character or a mark that
turns the direction of text is shown as its escape (`\\x1b`, `\\u202e`).
"""

from __future__ import annotations

import re

import click

# C0 and C1 controls and DEL; line and paragraph separators; what turns or isolates the direction of text; halves of
# surrogate pairs, as undecodable bytes of the command line become.
ACTS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_HALF = 1000
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def visible(text: str) -> str:
    """The text with every character that acts on a terminal as its escape."""
    return ACTS.sub(lambda found: _SHORT.get(found[0]) or _escape(ord(found[0])), text)


def tell(sentence: str) -> None:
    """Say a sentence on standard error, on one line; one that quotes a huge name loses its middle."""
    if len(sentence) > 2 * _HALF:
        sentence = f"{sentence[:_HALF]} … {sentence[-_HALF:]}"
    click.echo(visible(sentence), err=True)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
