"""What a manifest may say, and how its faults are told."""
import os
import tempfile
import unittest

import manifest

HEAD = "Section: net\nArchitecture: cpu\nDescription: a thing\n"


class Manifest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = folder.name
        self.write("src/a.init", "init")
        self.write("src/tree/one.js", "1")
        self.write("src/tree/usr/libexec/two", "2", 0o755)
        self.write("src/tree/.swp", "")
        self.write("src/tree/old~", "")
        self.write("bin/daemon", "program")

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.at, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def read(self, text, head=HEAD):
        return manifest.read(self.write("thing.manifest", head + text), f"{self.at}/src", f"{self.at}/bin")

    def fault(self, text, head=HEAD):
        with self.assertRaises(manifest.ManifestError) as raised:
            self.read(text, head)
        return str(raised.exception).replace(self.at, "")

    def test_files_programs_and_folders_are_taken_in(self):
        package = self.read("program:daemon /usr/sbin/daemon 755\na.init /etc/init.d/a 755 # the service\ntree/ /www/ 644\n")
        self.assertEqual(package.name, "thing")
        self.assertEqual(
            sorted((member.path, member.mode, member.data) for member in package.members),
            [
                ("/etc/init.d/a", 0o755, b"init"),
                ("/usr/sbin/daemon", 0o755, b"program"),
                ("/www/one.js", 0o644, b"1"),
                ("/www/usr/libexec/two", 0o755, b"2"),
            ],
        )

    def test_a_missing_source_is_named_with_its_line(self):
        self.assertEqual(
            self.fault("\na.conf /etc/config/a 600\nprogram:other /usr/sbin/other 755\nempty/ /www/ 644\n"),
            "/thing.manifest:5: a.conf is not there, and the line does not say that it is optional\n"
            "/thing.manifest:6: program:other is not there, and the line does not say that it is optional\n"
            "/thing.manifest:7: empty/ is not there, and the line does not say that it is optional",
        )

    def test_translations_are_taken_in_as_luci_reads_them_or_their_fault_is_told(self):
        self.write("src/a.po", 'msgid "Devices"\nmsgstr "X"\n')
        self.write("src/wrong.po", 'msgid "Devices "\nmsgstr "X"\n')
        self.write("src/none.po", 'msgid "Devices"\nmsgstr ""\n')
        [member] = self.read("lmo:a.po /a.lmo 644\n").members
        self.assertEqual((member.path, member.data[:4]), ("/a.lmo", b"X\0\0\0"))
        said = self.fault("lmo:wrong.po /b.lmo 644\nlmo:none.po /c.lmo 644\nlmo:other.po /d.lmo 644\n")
        for line, why in zip(said.splitlines(), ("wrong.po:1: LuCI would not find", "none.po: nothing in it is", "lmo:other.po is not there"), strict=True):
            self.assertIn(why, line)

    def test_an_optional_source_may_be_missing(self):
        self.assertEqual(self.read("a.conf /etc/config/a 600 conffile optional\n").members, [])
        self.assertEqual(self.read("a.conf /etc/config/a 600 conffile optional\n").conffiles, [])

    def test_settings_are_listed_and_folders_of_them_kept_over_sysupgrade(self):
        package = self.read("a.init /etc/config/a 600 conffile\n- /etc/a/ 700 conffile\n")
        self.assertEqual(package.conffiles, ["/etc/config/a", "/etc/a/"])
        kept = {member.path: member for member in package.members}
        self.assertEqual(kept["/lib/upgrade/keep.d/thing"].data, b"/etc/a/\n")
        self.assertEqual((kept["/etc/a"].mode, kept["/etc/a"].data), (0o700, None))

    def test_lines_that_cannot_be_meant_are_refused(self):
        for line, why in [
            ("a.init /etc/init.d/a", "a line is SOURCE DEST MODE"),
            ("a.init /etc/init.d/a 755 config", "a line is SOURCE DEST MODE"),
            ("a.init /etc/init.d/a 855", "855 is no mode"),
            ("a.init etc/init.d/a 755", "no absolute path"),
            ("a.init /etc/../a 755", "no absolute path"),
            ("a.init /etc/init.d/ 755", "the one is a folder, the other a file"),
            ("tree/ /www 644", "the one is a folder, the other a file"),
            ("a.init /a 755\nprogram:daemon /a 755", "/a is there twice"),
            ("Depend: x", "there is no field Depend"),
            ("Section: luci", "Section is there twice"),
        ]:
            with self.subTest(line):
                self.assertIn(why, self.fault(line + "\n"))

    def test_fields_that_every_package_has_must_be_there(self):
        self.assertEqual(
            self.fault("", "Section: net\nArchitecture: mips\n"),
            "/thing.manifest:2: Architecture is cpu or all, not mips\n"
            "/thing.manifest: the field Architecture is missing\n"
            "/thing.manifest: the field Description is missing",
        )


if __name__ == "__main__":
    unittest.main()
