"""What bags, files and packages call things, made harmless for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Replace every character that a terminal would obey or could not encode by `?`; lines and tabs stay.

    >>> printable("a\\x1b]0;title\\x07")
    'a?]0;title?'
    """
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "?" for letter in text)
