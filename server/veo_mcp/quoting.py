"""Foreign words, made fit to be passed on: what the service, a file server, a client or a file says.

Whatever reads our messages (a model, a person at a terminal, whoever reads the log) must be able to tell our words from
theirs. So theirs are one line of limited length inside quotation marks that they cannot end, without characters that a
terminal obeys or that nobody sees, and without keys.
"""

import json
import re
from base64 import b64encode
from urllib.parse import quote

QUOTE_CHARACTERS = 300

LINK_CHARACTERS = 4096

_READ_CHARACTERS = 20_000
"""Of longer texts only the beginning is looked at."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

# What nobody sees (Unicode's Default_Ignorable_Code_Point, interlinear annotations and U+2800) and what turns the
# direction of writing. U+FE0E and U+FE0F, which choose between a letter and a picture, are harmless and stay.
_UNSEEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
# What honest text needs in its place, and hides something anywhere else:
_ASCII = r"[\x00-\x7f]"
# joiners (U+200C, U+200D) after a virama, and inside words and emoji that need them, which never stand next to ASCII;
_VIRAMA = (
    r"[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u1039\u103a\u17d2\ua806\ua8c4\ua953]"
)
_JOINER = rf"(?<!{_VIRAMA})[\u200c\u200d](?={_ASCII}|\Z)|(?:(?<={_ASCII})|(?<!.))[\u200c\u200d]"
# the places where a line may break, in scripts without spaces (Thai, Lao, Burmese, Khmer);
_SPACELESS = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
_BREAK = rf"(?<!{_SPACELESS})\u200b(?!{_SPACELESS})"
# Mongolian's own selectors and separator, behind its letters;
_MONGOLIAN = r"[\u180b-\u180f](?<![\u1820-\u18aa].)(?<![\u1820-\u18aa][\u180b-\u180f].)"
# the selector behind an ideograph, a mathematical sign or a letter of Burmese or Phags-pa, that has several forms;
_VARIED = r"[\u1000-\u109f\u2200-\u22ff\u2a00-\u2aff\u3000-\u303f\u3400-\u9fff\ua840-\ua877\uf900-\ufaff\uff00-\uff60]"
_SELECTOR = rf"[\ufe00-\ufe0d\U000e0100-\U000e01ef](?<!{_VARIED}.)(?<![\U00020000-\U0003ffff].)"
# and the flags of England, Scotland and Wales.
_FLAG = r"(\U0001f3f4\U000e0067\U000e0062(?:{})\U000e007f)".format(
    "|".join("".join(rf"\U{0xE0000 + ord(letter):08x}" for letter in country) for country in ("eng", "sct", "wls"))
)
_UNSHOWN = re.compile(
    rf"{_FLAG}|[\x00-\x1f\x7f-\x9f\ud800-\udfff{_UNSEEN}]|{_JOINER}|{_BREAK}|{_MONGOLIAN}|{_SELECTOR}", re.DOTALL
)
_CUT = "\u05f4\u200b\u200c\u200d" + "".join(map(chr, range(0xE0020, 0xE0080)))
"""What shows nothing, or something else, at the end of a text that was cut."""

# A word becomes a key by its length and a digit: people write of ring bearers and of sk-ateboarders.
_KEY = re.compile(
    r"(?i)(bearer\s+)(?=\S{0,99}[0-9])\S{16,}"
    r"|\bsk-(?=[\w-]{0,99}[0-9])[\w-]{16,}"
    r"|([?&][\w.-]{0,30}(?:key|token|signature|secret|password)=)[^&\s]+"
)
_QUOTATION_MARKS = str.maketrans(dict.fromkeys('"“”„‟″‴⁗‶‷＂〃〝〞〟❝❞❠ʺˮ˝˶\U0001f676\U0001f677\U0001f678', "'"))
_GERSHAYIM = re.compile(r"(?<![\u0591-\u05f2])\u05f4|\u05f4(?![\u0591-\u05f2])")
"""Hebrew's mark of a short form, where it does not stand within one."""
_IDENTIFIER = re.compile(r"[A-Za-z0-9_]{1,40}")
_OUR_CALLS = ("createvideo", "generateandwait", "getvideostatus", "listvideos", "viewvideo", "newvariant")
"""Our tools, and the argument that pays again, however they are written: no name may ask for a call."""


def printable(text: str) -> str:
    """Replace what terminals obey (control characters) and what no UTF-8 holds (halves of characters)."""
    return _UNPRINTABLE.sub("\ufffd", text)


def shown(text: str) -> str:
    """Return the whole text on one line, with a mark for every character that acts on a terminal or is not seen."""
    return shown_lines(" ".join(text.split()))


def shown_lines(text: str) -> str:
    """Do the same to a text of our own, which may have several lines."""
    return "\n".join(_UNSHOWN.sub(lambda found: found[1] or "\ufffd", line) for line in text.split("\n"))


def escaped(json_text: str) -> str:
    """Return the same JSON with an escape for each of these characters."""
    return "\n".join(
        _UNSHOWN.sub(lambda found: found[1] or json.dumps(found[0])[1:-1], line) for line in json_text.split("\n")
    )


def one_line(text: str, most: int = QUOTE_CHARACTERS) -> str:
    """Return foreign words fit to stand inside quotation marks, without the marks: `quoted` adds them."""
    words = shown(text[:_READ_CHARACTERS])
    return _fitted(_KEY.sub(lambda found: f"{found[1] or found[2] or ''}[removed]", words), most)


def prompt_line(text: str, most: int = QUOTE_CHARACTERS) -> str:
    """Do the same to what the user wrote, where nothing is taken for a key."""
    return _fitted(shown(text[:_READ_CHARACTERS]), most)


def _fitted(words: str, most: int) -> str:
    words = _GERSHAYIM.sub("'", words.translate(_QUOTATION_MARKS))
    return words if len(words) <= most else words[: most - 1].rstrip(_CUT) + "…"


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
    calls = any(call in text.replace("_", "").lower() for call in _OUR_CALLS)
    return text if _IDENTIFIER.fullmatch(text) and not calls else ""


def plain_link(url: str | None) -> str | None:
    """Return the same link in plain ASCII; None for what is too long to be one."""
    encoded = quote(url or "", safe="-._~:/?#[]@!$&'()*+,;=%", errors="replace")
    return encoded if 0 < len(encoded) <= LINK_CHARACTERS else None


def spellings(secret: str) -> re.Pattern[str]:
    """Return a pattern of the secret, each of its letters in any form that JSON, URLs and HTML know for it.

    Escapes of escapes are among them: JSON in a JSON string, an address inside an address. So is Base64, wherever the
    secret stood in what was encoded. Every repetition is bounded: a search takes time in proportion to the text.
    """
    spelled = ("".join(map(_forms, secret)), *(_in_base64(secret, before) for before in range(3)))
    return re.compile("|".join(spelled), re.IGNORECASE)


def _in_base64(secret: str, before: int) -> str:
    """Return the Base64 of the secret behind so many other bytes: the characters that depend on it alone."""
    data = bytes(before) + secret.encode(errors="surrogatepass")
    whole = b64encode(data).decode()[-(-before * 8 // 6) : len(data) * 8 // 6]
    return re.escape(whole).replace(r"\+", r"(?:\+|-)").replace("/", "[/_]") + r"[A-Za-z0-9_+/-]?={0,2}"


def _forms(letter: str) -> str:
    code, in_html = f"{ord(letter):02x}", f"#0{{0,6}}{ord(letter)};?|#x0{{0,6}}{ord(letter):x};?"
    return (
        rf"(?:\\{{0,8}}{re.escape(letter)}|\\{{1,8}}(?:u00|x){code}|%(?:25){{0,4}}{code}|&(?:amp;){{0,4}}(?:{in_html}))"
    )
