"""The packages of all manifests, read by other means than they are made by."""
import glob
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

import release
from made import ARCH, HERE, Made, listing, member, pack


class Packages(Made):
    def test_every_manifest_gives_both_forms(self):
        names = {os.path.basename(path).removesuffix(".manifest") for path in glob.glob(f"{HERE}/*.manifest")}
        self.assertEqual(self.said.keys(), names)
        self.assertLessEqual({"ntm-gateway", "ntm-dc", "ntm-relay", "ntm-proto", "luci-app-ntm"}, names)
        files = {form for line in self.said.values() for form in (line["ipk_file"], line["apk_file"])}
        self.assertEqual(set(os.listdir(self.out)), files)
        self.assertIn(f"ntm-gateway_{self.version}_{ARCH}.ipk", files)
        self.assertIn(f"ntm-gateway-{self.version}.apk", files)
        self.assertIn(f"luci-app-ntm_{self.version}_all.ipk", files)
        for line in self.said.values():
            self.assertEqual(line["ipk"], len(self.content(line["ipk_file"])))
            self.assertEqual(line["apk"], len(self.content(line["apk_file"])))

    def test_ipk_installs_what_the_manifest_says(self):
        data, _ = self.ipk("ntm-gateway")
        found = {name: (mode, owner, time) for mode, owner, time, name in listing(data)}
        # By name, so that no folder comes after what is in it.
        paths = [name.rstrip("/") for _, _, _, name in listing(data)]
        self.assertEqual(paths, sorted(paths))
        when = "2023-11-14 22:13:20"
        self.assertEqual(found["./usr/bin/ntm-gateway"], ("-rwxr-xr-x", "0/0", when))
        self.assertEqual(found["./etc/config/ntm"], ("-rw-------", "0/0", when))
        self.assertEqual(found["./etc/ntm/"], ("drwx------", "0/0", when))
        self.assertEqual(found["./"], ("drwxr-xr-x", "0/0", when))
        self.assertEqual(member(data, "./lib/upgrade/keep.d/ntm-gateway"), b"/etc/ntm/\n")
        with open(f"{self.at}/programs/ntm-gateway", "rb") as program:
            self.assertEqual(member(data, "./usr/bin/ntm-gateway"), program.read())

    def test_ipk_tells_opkg_what_it_is(self):
        data, control = self.ipk("ntm-gateway")
        fields = dict(line.split(": ", 1) for line in member(control, "./control").decode().splitlines())
        self.assertEqual(fields["Package"], "ntm-gateway")
        self.assertEqual(fields["Version"], self.version)
        self.assertEqual(fields["Architecture"], ARCH)
        self.assertIn("kmod-tun", fields["Depends"].split(", "))
        self.assertEqual(fields["Installed-Size"], str(len(data)))
        self.assertEqual(member(control, "./conffiles"), b"/etc/config/ntm\n/etc/ntm/\n")
        modes = {name: mode for mode, _, _, name in listing(control)}
        self.assertEqual(modes["./postinst"], "-rwxr-xr-x")
        self.assertEqual(modes["./prerm"], "-rwxr-xr-x")
        _, control = self.ipk("ntm-proto", "all")
        self.assertIn(b"\nArchitecture: all\n", member(control, "./control"))
        self.assertNotIn("./conffiles", [line[3] for line in listing(control)])

    def test_apk_is_two_streams_the_first_without_an_end(self):
        for name in self.said:
            control, data, packed = self.apk(name)
            with self.subTest(name):
                # apk reads the streams as one tar, in which the first block of zeros would be the end.
                self.assertEqual(len(control) % 512, 0)
                self.assertNotEqual(control[-512:], bytes(512))
                self.assertEqual(data[-1024:], bytes(1024))
                together = [line[3] for line in listing(control + data)]
                self.assertEqual(together[0], ".PKGINFO")
                self.assertEqual(together[1:4], [".post-install", ".post-upgrade", ".pre-deinstall"])
                self.assertEqual(together[4:], [line[3] for line in listing(data)])
                self.assertIn(f"datahash = {hashlib.sha256(packed).hexdigest()}\n".encode(), member(control, ".PKGINFO"))

    def test_apk_has_each_files_checksum(self):
        for name in self.said:
            _, data, _ = self.apk(name)
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                files = [entry for entry in archive if entry.isfile()]
                self.assertTrue(files)
                for entry in files:
                    sum_of = hashlib.sha1(archive.extractfile(entry).read()).hexdigest()
                    self.assertEqual(entry.pax_headers["APK-TOOLS.checksum.SHA1"], sum_of, entry.name)

    def test_apk_tells_what_it_is(self):
        control, _, _ = self.apk("ntm-gateway")
        lines = member(control, ".PKGINFO").decode().splitlines()
        for line in ("pkgname = ntm-gateway", f"pkgver = {self.version}", f"arch = {ARCH}", "depend = kmod-tun", "depend = nftables-json"):
            self.assertIn(line, lines)
        control, _, _ = self.apk("luci-app-ntm")
        self.assertIn("arch = noarch", member(control, ".PKGINFO").decode().splitlines())

    def test_apk_carries_the_lists_that_opkg_keeps_itself(self):
        _, data, _ = self.apk("ntm-gateway")
        at = "lib/apk/packages/ntm-gateway"
        listed = member(data, f"{at}.list").decode().splitlines()
        self.assertLessEqual({"/etc/init.d/ntm-gateway", "/etc/uci-defaults/80_ntm-gateway", "/etc/config/ntm"}, set(listed))
        self.assertEqual(member(data, f"{at}.conffiles"), b"/etc/config/ntm\n/etc/ntm/\n")
        settings = hashlib.sha256(member(data, "etc/config/ntm")).hexdigest()
        self.assertEqual(member(data, f"{at}.conffiles_static").decode(), f"/etc/config/ntm {settings}\n")
        installed = {"/" + name for mode, _, _, name in listing(data) if mode.startswith("-")}
        self.assertEqual(installed - set(listed), {f"/{at}.list", f"/{at}.conffiles", f"/{at}.conffiles_static"})
        self.assertLessEqual(set(listed), installed)

    def test_the_same_sources_give_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as other:
            mask = os.umask(0o077)
            self.addCleanup(os.umask, mask)
            # Another place, other times, other permissions, other order in its folders.
            shutil.copytree(self.at, f"{other}/copy", ignore=shutil.ignore_patterns("out"), copy_function=shutil.copyfile)
            for form in ("one", "two"):
                self.assertEqual(pack(f"{other}/copy", f"{other}/{form}").returncode, 0)
            for name in os.listdir(self.out):
                for form in ("one", "two"):
                    with open(f"{other}/{form}/{name}", "rb") as file:
                        self.assertEqual(file.read(), self.content(name), name)
            self.assertEqual(pack(f"{other}/copy", f"{other}/later", "ntm-proto", epoch="1700000001").returncode, 0)
            with open(f"{other}/later/ntm-proto-{self.version}.apk", "rb") as file:
                self.assertNotEqual(file.read(), self.content(f"ntm-proto-{self.version}.apk"))

    def test_a_source_that_is_missing_fails_and_writes_nothing(self):
        with tempfile.TemporaryDirectory() as other:
            shutil.copytree(f"{self.at}/sources", f"{other}/sources")
            shutil.copytree(f"{self.at}/programs", f"{other}/programs")
            os.remove(f"{other}/sources/openwrt/net/ntm/files/ntm.config")
            os.remove(f"{other}/programs/ntm-dc")
            done = pack(other, f"{other}/out")
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr, r"ntm-gateway\.manifest:\d+: openwrt/net/ntm/files/ntm\.config is not there")
            self.assertRegex(done.stderr, r"ntm-dc\.manifest:\d+: program:ntm-dc is not there")
            self.assertFalse(os.path.exists(f"{other}/out"))

    def test_sources_are_checked_before_there_are_programs(self):
        with tempfile.TemporaryDirectory() as other:
            shutil.copytree(f"{self.at}/sources", f"{other}/sources")
            command = [sys.executable, f"{HERE}/pack.py", ARCH, "--check", "--sources", f"{other}/sources"]
            self.assertEqual(subprocess.run(command, check=False).returncode, 0)
            os.remove(f"{other}/sources/openwrt/net/ntm/files/ntm.proto.sh")
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r"^\S+/ntm-proto\.manifest:\d+: openwrt/net/ntm/files/ntm\.proto\.sh is not there")

    @unittest.skipUnless(shutil.which("apk"), "apk is not installed: the packages were only read, not installed by it")
    def test_apk_itself_installs_it(self):
        with tempfile.TemporaryDirectory() as root:
            command = ["apk", "--root", root, "--initdb", "--allow-untrusted", "--no-network", "--no-scripts", "--arch", ARCH, "add"]
            subprocess.run([*command, f"{self.out}/ntm-dc-{self.version}.apk"], check=True, capture_output=True)
            with open(f"{root}/usr/bin/ntm-dc", "rb") as ours, open(f"{self.at}/programs/ntm-dc", "rb") as theirs:
                self.assertEqual(ours.read(), theirs.read())

    @unittest.skipUnless(shutil.which("opkg"), "opkg is not installed: the packages were only read, not installed by it")
    def test_opkg_itself_installs_it(self):
        with tempfile.TemporaryDirectory() as root:
            command = ["opkg", "--offline-root", root, "--add-arch", f"{ARCH}:1", "--add-dest", "root:/", "install"]
            package = f"{self.out}/ntm-dc_{self.version}_{ARCH}.ipk"
            subprocess.run([*command, package], check=True, capture_output=True, env={**os.environ, "IPKG_NO_SCRIPT": "1"})
            with open(f"{root}/usr/bin/ntm-dc", "rb") as ours, open(f"{self.at}/programs/ntm-dc", "rb") as theirs:
                self.assertEqual(ours.read(), theirs.read())


class Versions(unittest.TestCase):
    def test_versions_are_written_as_apk_orders_them(self):
        self.assertEqual(release.version_for_routers("0.1.0"), f"0.1.0-r{release.RELEASE}")
        self.assertEqual(release.version_for_routers("1.10.3-rc.2"), f"1.10.3_rc2-r{release.RELEASE}")
        for wrong in ("1.0", "1.0.0-dirty", "1.0.0+build"):
            with self.subTest(wrong), self.assertRaises(ValueError):
                release.version_for_routers(wrong)


if __name__ == "__main__":
    unittest.main()
