"""LuCI's catalogues: a translator's .po in the binary form, .lmo, in which LuCI looks texts up.

A catalogue has, all numbers big endian and of 32 bits: the texts one after the other, each filled up with zeros to a multiple of
four bytes; an index, sorted, of four numbers a text (the hash of its key, how many plural forms it has, where it is, its
length); and at the very end, where the index is. A text's key is the original one. The context stands before it, with the
byte 1 between; the number of the plural form after it, behind the byte 2. How a language makes plurals is the header's
`Plural-Forms`, kept under the key 0.

LuCI looks a text up with each run of white space in it as one space, and none at its ends, but its own compiler leaves the
originals as they are. So one with another white space, or with an escape other than those of quote and backslash (the
compiler knows only these), would never be found: here that is an error.
"""
import re
import struct

MOST_FORMS = 10
PLURALS = "plural-forms: "
ESCAPED = re.compile(r'\\(["\\])')
KEYWORD = re.compile(r'(msgctxt|msgid|msgid_plural|msgstr|msgstr\[(\d+)\]) +"(.*)"$')
KEYWORD_FORM = re.compile(r"msgstr\[?(\d*)\]?")
MORE = re.compile(r'"(.*)"$')


class PoError(ValueError):
    """What is wrong with a .po, after the number of its line."""


def hash_of(key):
    """Paul Hsieh's "SuperFastHash" (2004) of the bytes, begun with their number; what is left of them at the end are signed."""
    if not key:
        return 0
    value = len(key)
    whole = len(key) & ~3
    for low, high in struct.iter_unpack("<HH", key[:whole]):
        value = mixed(value + low)
        value = mixed((value << 16) ^ (high << 11) ^ value)
        value = mixed(value + (value >> 11))
    left = key[whole:]
    if len(left) >= 2:
        value = mixed(value + int.from_bytes(left[:2], "little"))
    if len(left) == 3:
        value ^= mixed(value << 16)
        value = mixed(value ^ (signed(left[2]) << 18))
        value = mixed(value + (value >> 11))
    elif len(left) == 2:
        value ^= mixed(value << 11)
        value = mixed(value + (value >> 17))
    elif len(left) == 1:
        value = mixed(value + signed(left[0]))
        value ^= mixed(value << 10)
        value = mixed(value + (value >> 1))
    for up, down in ((3, 5), (4, 17), (25, 6)):
        value ^= mixed(value << up)
        value = mixed(value + (value >> down))
    return value


def mixed(value):
    return value & 0xFFFFFFFF


def signed(byte):
    return byte - 256 if byte > 127 else byte


def compile_po(text):
    """The catalogue's bytes for the text of a .po; none if nothing in it is translated."""
    texts, index = bytearray(), {}
    for number, message in messages(text):
        for key, forms, value in entries(number, message):
            at = hash_of(key) if key is not None else 0
            # LuCI shows a text that it does not find as it is.
            if not value or (key is not None and at == hash_of(value)):
                continue
            if at in index:
                raise PoError(f"{number}: LuCI cannot tell this text from another one of the file (the hash of both is {at:08x})")
            index[at] = struct.pack(">4I", at, forms, len(texts), len(value))
            texts += value + bytes(-len(value) % 4)
    if not index:
        return b""
    return bytes(texts) + b"".join(index[at] for at in sorted(index)) + struct.pack(">I", len(texts))


def entries(number, message):
    """A message's keys, each with how many forms it has, and its text; for the header's plurals no key."""
    forms = {int(KEYWORD_FORM.sub(r"\1", name) or 0): text for name, text in message.items() if name.startswith("msgstr")}
    if not message.get("msgid"):
        for line in forms.get(0, "").split("\\n"):
            if line.lower().startswith(PLURALS):
                yield None, 0, line[len(PLURALS) :].encode()
        return
    context, original = message.get("msgctxt"), message["msgid"]
    for text in (original, context or ""):
        if text != " ".join(text.split()) or "\\" in ESCAPED.sub("", text):
            raise PoError(f"{number}: LuCI would not find {text!r}: of white space it knows single spaces between words")
    for form, text in sorted(forms.items()):
        if form >= MOST_FORMS:
            raise PoError(f"{number}: LuCI knows {MOST_FORMS} plural forms, from 0 on")
        key = (f"{plain(context)}\1" if context is not None else "") + plain(original)
        if "msgid_plural" in message:
            key += f"\2{form}"
        yield key.encode(), max(forms) + 1, plain(text).encode()


def plain(text):
    """Without the backslashes before quotes and backslashes. Of a line's end LuCI keeps the two letters, as gettext would not."""
    return ESCAPED.sub(r"\1", text)


def messages(text):
    """What stands in a .po: the line where each message begins, and its parts as they are written."""
    message, begun, part = {}, 0, None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if found := KEYWORD.match(line):
            part = found[1]
            if not part.startswith("msgstr") and any(name.startswith("msgstr") for name in message):
                yield begun, message
                message = {}
            if part in message:
                raise PoError(f"{number}: {part} is there twice")
            begun = begun if message else number
            message[part] = found[3]
        elif (found := MORE.match(line)) and message:
            message[part] += found[1]
        else:
            raise PoError(f"{number}: this is no line of a .po: {line}")
    if message:
        yield begun, message
