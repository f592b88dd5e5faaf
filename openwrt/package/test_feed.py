"""The manifests beside the feed's Makefile, by which OpenWrt's own build makes the same packages."""
import os
import re
import unittest
import unittest.mock

import manifest
import release

HERE = os.path.dirname(os.path.realpath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
SOURCES = os.environ.get("NTM_SOURCES", REPOSITORY)
FEED = f"{SOURCES}/openwrt/net/ntm"
MODES = {"BIN": 0o755, "DATA": 0o644, "CONF": 0o600}


def definition(text, package, part):
    found = re.search(rf"^define Package/{package}{part}\n(.*?)^endef", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


@unittest.skipUnless(os.path.exists(f"{FEED}/Makefile"), "there is no openwrt/net/ntm/Makefile to compare with")
class Feed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(f"{FEED}/Makefile", encoding="utf-8") as file:
            cls.makefile = file.read()
        cls.packages = re.findall(r"^\$\(eval \$\(call BuildPackage,(.*)\)\)", cls.makefile, re.MULTILINE)
        assert "ntm-gateway" in cls.packages

    def each(self):
        for name in self.packages:
            yield name, manifest.read(f"{HERE}/{name}.manifest", SOURCES, None)

    def test_the_same_files_are_installed(self):
        for name, package in self.each():
            lines = definition(self.makefile, name, "/install")
            installed = {}
            for kind, source, dest in re.findall(r"\$\(INSTALL_(BIN|DATA|CONF)\) (\S+) \$\(1\)(\S+)", lines):
                path = dest + os.path.basename(source) if dest.endswith("/") else dest
                content = b""
                if source.startswith("./"):
                    with open(f"{FEED}/{source}", "rb") as file:
                        content = file.read()
                installed[path] = (MODES[kind], content)
            self.assertTrue(installed, name)
            # OpenWrt's build makes the lists of what sysupgrade keeps itself.
            ours = {member.path: (member.mode, member.data) for member in package.members if member.data is not None}
            ours.pop(f"/lib/upgrade/keep.d/{name}", None)
            self.assertEqual(ours, installed, name)

    def test_the_same_settings_are_kept(self):
        for name, package in self.each():
            self.assertEqual(sorted(package.conffiles), sorted(definition(self.makefile, name, "/conffiles").split()), name)

    def test_the_same_packages_are_wanted(self):
        for name, package in self.each():
            wanted = re.search(r"DEPENDS:=(.*)", definition(self.makefile, name, ""))
            names = re.findall(r"\+(\S+)", wanted[1] if wanted else "")
            self.assertEqual(sorted(package.depends), sorted(names), name)
            self.assertEqual(package.of_one_cpu, "PKGARCH:=all" not in definition(self.makefile, name, ""), name)

    def test_the_pages_want_the_same_packages(self):
        with open(f"{SOURCES}/openwrt/luci/luci-app-ntm/Makefile", encoding="utf-8") as file:
            wanted = re.search(r"^LUCI_DEPENDS:=(.*)", file.read(), re.MULTILINE)[1]
        package = manifest.read(f"{HERE}/luci-app-ntm.manifest", SOURCES, None)
        self.assertEqual(sorted(package.depends), sorted(re.findall(r"\+(\S+)", wanted)))

    def test_the_same_is_done_after_installing_and_before_removal(self):
        for name, package in self.each():
            text = definition(self.makefile, name, "/prerm").replace("$$", "$")
            self.assertEqual(package.before_removal and f"#!/bin/sh\n{package.before_removal}", text, name)
            text = definition(self.makefile, name, "/postinst").replace("$$", "$")
            self.assertEqual(package.after_install and f"#!/bin/sh\n{package.after_install}", text, name)

    def test_the_version_is_the_same(self):
        said = dict(re.findall(r"^PKG_(VERSION|RELEASE):=(.*)", self.makefile, re.MULTILINE))
        with unittest.mock.patch.dict(os.environ, SOURCE_DATE_EPOCH="0"):
            self.assertEqual(release.of(REPOSITORY).version, f"{said['VERSION']}-r{said['RELEASE']}")


if __name__ == "__main__":
    unittest.main()
