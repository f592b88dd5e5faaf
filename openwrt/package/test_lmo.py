"""LuCI's catalogues: their hash, and what a reader of our own, which looks texts up as LuCI does, finds in them."""
import glob
import os
import re
import struct
import subprocess
import unittest

import lmo
import manifest

HERE = os.path.dirname(os.path.realpath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
SOURCES = os.environ.get("NTM_SOURCES", REPOSITORY)
APP = f"{SOURCES}/openwrt/luci/luci-app-ntm"


class Catalogue:
    """Reads a catalogue from its end, as LuCI does, and searches its index by halves."""

    def __init__(self, content):
        [self.at] = struct.unpack(">I", content[-4:])
        self.content = content
        self.length = (len(content) - self.at - 4) // 16

    def entry(self, number):
        return struct.unpack_from(">4I", self.content, self.at + 16 * number)

    def find(self, key):
        low, high = 0, self.length
        while low < high:
            middle = (low + high) // 2
            found, _, offset, length = self.entry(middle)
            if found == key:
                return self.content[offset : offset + length].decode()
            low, high = (middle + 1, high) if found < key else (low, middle)
        return None

    def text(self, original, context=None, form=None):
        key = " ".join(original.split())
        if context is not None:
            key = " ".join(context.split()) + "\1" + key
        if form is not None:
            key += f"\2{form}"
        return self.find(lmo.hash_of(key.encode()))

    def rule(self):
        return self.find(0)


def compiled(text):
    return Catalogue(lmo.compile_po(text))


class Hash(unittest.TestCase):
    # Computed by a C program of the algorithm as it was published, with LuCI's signed rest.
    KNOWN = {
        "a": 0x115EA782,
        "ab": 0x516B8B44,
        "abc": 0xD2BE198A,
        "abcd": 0xDAD8B8DB,
        "é": 0xC4FBA554,
        "設定": 0xEFDCF6F8,
        "日本語です": 0x081BAA5D,
        "Cancel": 0xAE5DEB3A,
        "Devices": 0x1400C3E7,
        "Save & Apply": 0x610BEED4,
        "menu\1Status": 0x47AACBF1,
        "%d device\x021": 0x0740778C,
    }

    def test_known_hashes(self):
        for text, hash_of_it in self.KNOWN.items():
            self.assertEqual(f"{lmo.hash_of(text.encode()):08x}", f"{hash_of_it:08x}", text)
        self.assertEqual(lmo.hash_of(b""), 0)


class Catalogues(unittest.TestCase):
    def test_the_bytes_are_these(self):
        content = lmo.compile_po('msgid "Devices"\nmsgstr "端末"\n\nmsgid "Cancel"\nmsgstr "やめる"\n')
        first, second = "端末".encode(), "やめる".encode()
        texts = first + bytes(2) + second + bytes(3)
        index = struct.pack(">8I", 0x1400C3E7, 1, 0, len(first), 0xAE5DEB3A, 1, 8, len(second))
        self.assertEqual(content, texts + index + struct.pack(">I", len(texts)))

    def test_contexts_and_plurals_have_keys_of_their_own(self):
        found = compiled(
            '# a comment\nmsgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
            '"Plural-Forms: nplurals=2; plural=n != 1;\\n"\n\n'
            'msgid "Status"\nmsgstr "状態"\n\nmsgctxt "menu"\nmsgid "Status"\nmsgstr "状況"\n\n'
            'msgid "%d device"\nmsgid_plural "%d devices"\nmsgstr[0] "%d 台"\nmsgstr[1] "%d 台の端末"\n\n'
            'msgctxt "menu"\nmsgid "way"\nmsgid_plural "ways"\nmsgstr[0] "道"\nmsgstr[1] "道々"\n'
        )
        self.assertEqual(found.rule(), "nplurals=2; plural=n != 1;")
        self.assertEqual((found.text("Status"), found.text("Status", "menu")), ("状態", "状況"))
        self.assertEqual([found.text("%d device", form=form) for form in (0, 1, 2)], ["%d 台", "%d 台の端末", None])
        self.assertEqual([found.text("way", "menu", form) for form in (0, 1)], ["道", "道々"])
        self.assertIsNone(found.text("%d device"))
        self.assertIsNone(found.text("way", form=0))
        self.assertEqual([found.entry(number)[1] for number in range(found.length)].count(2), 4)

    def test_texts_of_several_lines_and_with_quotes(self):
        found = compiled('msgid ""\n"Say "\n"\\"on\\" or C:\\\\x"\nmsgstr "言う"\n"\\"はい\\""\n')
        self.assertEqual(found.text('Say  "on" or\nC:\\x '), '言う"はい"')

    def test_what_is_not_translated_is_left_out(self):
        found = compiled('msgid "AES"\nmsgstr "AES"\n\nmsgid "MTU"\nmsgstr ""\n\nmsgid "Way"\nmsgstr "道"\n')
        self.assertEqual((found.length, found.text("AES"), found.text("Way")), (1, None, "道"))
        self.assertEqual(lmo.compile_po('msgid "MTU"\nmsgstr ""\n'), b"")

    def test_what_luci_would_never_find_is_an_error_with_its_line(self):
        wrong = {
            'msgid "two  spaces"\nmsgstr "x"\n': "1: ",
            '\n\nmsgid "at the end "\nmsgstr "x"\n': "3: ",
            'msgid "a line\\nand another"\nmsgstr "x"\n': "1: ",
            'msgid "a"\nmsgstr[10] "x"\n': "1: ",
            'msgid "a"\nmsgid "b"\nmsgstr "x"\n': "2: ",
            'msgid "a"\nmsgstr "x\n': "2: ",
            '"b"\n': "1: ",
            'msgid "a"\nmsgstr "x"\n\nmsgid "a"\nmsgstr "y"\n': "4: ",
        }
        for text, line in wrong.items():
            with self.subTest(text), self.assertRaises(lmo.PoError) as raised:
                lmo.compile_po(text)
            self.assertTrue(str(raised.exception).startswith(line), raised.exception)


@unittest.skipUnless(os.path.isdir(f"{APP}/po"), "there is no openwrt/luci/luci-app-ntm/po")
class Packages(unittest.TestCase):
    def each(self):
        """As LuCI's build: for the folder po/LANGUAGE of luci-app-NAME a package luci-i18n-NAME-LANGUAGE."""
        for folder in glob.glob(f"{APP}/po/*"):
            language = os.path.basename(folder)
            if language != "templates":
                yield language, folder, manifest.read(f"{HERE}/luci-i18n-ntm-{language}.manifest", SOURCES, None)

    def test_every_language_is_packed_where_luci_looks_for_it(self):
        languages = []
        for language, folder, package in self.each():
            languages.append(language)
            names = [os.path.basename(path).removesuffix(".po") for path in glob.glob(f"{folder}/*.po")]
            installed = {f"/usr/lib/lua/luci/i18n/{name}.{language}.lmo" for name in names}
            installed.add(f"/etc/uci-defaults/luci-i18n-ntm-{language}")
            self.assertEqual({member.path for member in package.members}, installed)
            self.assertEqual((package.depends, package.of_one_cpu), (["luci-app-ntm"], False))
        self.assertEqual(languages, ["ja"])

    def test_every_text_of_the_pages_is_found_in_it(self):
        for language, folder, package in self.each():
            with open(f"{folder}/ntm.po", encoding="utf-8") as file:
                written = file.read()
            [content] = [member.data for member in package.members if member.path.endswith(".lmo")]
            found, translated = Catalogue(content), 0
            for original, text in re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', written, re.MULTILINE):
                shown = found.text(original.replace('\\"', '"'))
                # What is the same in both languages is not in it.
                self.assertEqual(shown or original.replace('\\"', '"'), text.replace('\\"', '"'))
                translated += shown is not None
            self.assertGreater(translated, 40, language)
            self.assertEqual(found.length, translated)

    def test_the_language_is_put_on_lucis_list(self):
        for language, _, package in self.each():
            [script] = [member.data for member in package.members if member.path.startswith("/etc/uci-defaults/")]
            said = subprocess.run(
                ["sh", "-euc", 'uci() { printf "%s|" "$@"; echo; }; eval "$1"', "sh", script.decode()], capture_output=True, text=True, check=True
            ).stdout.splitlines()
            self.assertEqual([said[0].partition("=")[0], said[1:]], [f"set|luci.languages.{language}", ["commit|luci|"]])
            self.assertRegex(said[0], r"=日本語 \(Japanese\)\|$")


if __name__ == "__main__":
    unittest.main()
