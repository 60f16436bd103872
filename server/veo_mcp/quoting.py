"""Foreign words, made fit to be passed on: what the service, a file server, a client or a file says.

Whatever reads our messages (a model, a person at a terminal, whoever reads the log) must be able to tell our words from
theirs. So theirs are one line of limited length inside quotation marks that they cannot end, without characters that a
terminal obeys or that nobody sees, and without keys.
"""

import json
import re
from urllib.parse import quote

QUOTE_CHARACTERS = 300

LINK_CHARACTERS = 4096

_READ_CHARACTERS = 20_000
"""Of longer texts only the beginning is looked at."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

# What nobody sees (Unicode's Default_Ignorable_Code_Point, interlinear annotations and U+2800) and what turns the
# direction of writing. U+FE0E and U+FE0F, which choose between a letter and a picture, are harmless and stay.
_UNSEEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_ASCII = r"[\x00-\x7f]"
# Joiners (U+200C, U+200D) stay inside words and emoji that need them, which never stand next to ASCII.
_JOINERS = rf"[\u200c\u200d](?={_ASCII}|\Z)|(?:(?<={_ASCII})|(?<!.))[\u200c\u200d]"
_UNSHOWN = re.compile(rf"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_UNSEEN}]|{_JOINERS}", re.DOTALL)

_KEY = re.compile(
    r"(?i)(bearer\s+)\S+|\bsk-[\w-]{8,}|([?&][\w.-]{0,30}(?:key|token|signature|secret|password)=)[^&\s]+"
)
_QUOTATION_MARKS = str.maketrans(dict.fromkeys('"“”„‟″‶＂〝〞〟', "'"))
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]{1,60}")


def printable(text: str) -> str:
    """Replace what terminals obey (control characters) and what no UTF-8 holds (halves of characters)."""
    return _UNPRINTABLE.sub("\ufffd", text)


def shown(text: str) -> str:
    """Return the whole text on one line, with a mark for every character that acts on a terminal or is not seen."""
    return shown_lines(" ".join(text.split()))


def shown_lines(text: str) -> str:
    """Do the same to a text of our own, which may have several lines."""
    return "\n".join(_UNSHOWN.sub("\ufffd", line) for line in text.split("\n"))


def escaped(json_text: str) -> str:
    """Return the same JSON with an escape for each of these characters."""
    return "\n".join(_UNSHOWN.sub(lambda found: json.dumps(found[0])[1:-1], line) for line in json_text.split("\n"))


def one_line(text: str, most: int = QUOTE_CHARACTERS) -> str:
    """Return foreign words fit to stand inside quotation marks, without the marks: `quoted` adds them."""
    words = _KEY.sub(lambda found: f"{found[1] or found[2] or ''}[removed]", shown(text[:_READ_CHARACTERS]))
    words = words.translate(_QUOTATION_MARKS)
    return words if len(words) <= most else words[: most - 1] + "…"


def quoted(text: str, most: int = QUOTE_CHARACTERS) -> str:
    """Return foreign words in quotation marks: the one way in which they enter a message or the log."""
    return f'"{one_line(text, most)}"'


def as_said(words: str) -> str:
    """Return upstream's words as a sentence to follow ours; nothing where it said nothing."""
    if not words:
        return ""
    return f" The service said: {quoted(words)}" + ("" if words.rstrip().endswith((".", "!", "?")) else ".")


def identifier(text: str) -> str:
    """Return a short name as programs give it, or nothing."""
    return text if _IDENTIFIER.fullmatch(text) else ""


def plain_link(url: str | None) -> str | None:
    """Return the same link in plain ASCII; None for what is too long to be one."""
    encoded = quote(url or "", safe="-._~:/?#[]@!$&'()*+,;=%", errors="replace")
    return encoded if 0 < len(encoded) <= LINK_CHARACTERS else None


def spellings(secret: str) -> re.Pattern[str]:
    """Return a pattern of the secret, each of its letters in any form that JSON, URLs and HTML know for it.

    Escapes of escapes are among them: JSON in a JSON string, an address inside an address. Every repetition is bounded,
    so that a search takes time in proportion to the text.
    """
    return re.compile("".join(map(_forms, secret)), re.IGNORECASE)


def _forms(letter: str) -> str:
    code, in_html = f"{ord(letter):02x}", f"#0{{0,6}}{ord(letter)};|#x0{{0,6}}{ord(letter):x};"
    return rf"(?:\\{{0,8}}{re.escape(letter)}|\\{{1,8}}u00{code}|%(?:25){{0,4}}{code}|&(?:amp;){{0,4}}(?:{in_html}))"
