"""What runs on a router when a package comes, and when it goes."""
import os
import subprocess
import tempfile
import unittest

from made import Made, listing, member


class Scripts(Made):
    def run_script(self, script, **environment):
        """What the script called of the functions that stand in OpenWrt's place, with what it told them."""
        root = tempfile.mkdtemp(dir=self.at)
        os.makedirs(f"{root}/lib")
        with open(f"{root}/lib/functions.sh", "w", encoding="utf-8") as functions:
            for name in ("default_postinst", "default_prerm", "add_group_and_user"):
                functions.write(f'{name}() {{ echo "{name} [$pkgname] [$PKG_UPGRADE] $*"; }}\n')
        environment = {"PATH": os.environ["PATH"], "IPKG_INSTROOT": root, **environment}
        command = ["sh", "-eu", "-c", 'script=$1; shift; set +eu; . "$script"', "pkg.sh"]
        path = f"{root}/script"
        with open(path, "wb") as file:
            file.write(script)
        return subprocess.run([*command, path], capture_output=True, text=True, env=environment, check=True).stdout.splitlines()

    def test_scripts_leave_all_to_openwrt(self):
        _, known = self.ipk("ntm-gateway")
        self.assertEqual([line.split()[0] for line in self.run_script(member(known, "./postinst"))], ["default_postinst"])
        self.assertEqual([line.split()[0] for line in self.run_script(member(known, "./prerm"))], ["default_prerm"])
        self.assertEqual(self.run_script(member(known, "./postinst"), IPKG_NO_SCRIPT="1"), [])
        known, _, _ = self.apk("ntm-gateway")
        told = {name: self.run_script(member(known, name)) for name in (".post-install", ".post-upgrade", ".pre-deinstall")}
        self.assertEqual(told[".post-install"], ["add_group_and_user [ntm-gateway] [] ", "default_postinst [ntm-gateway] [] "])
        self.assertEqual(told[".post-upgrade"], ["add_group_and_user [ntm-gateway] [1] ", "default_postinst [ntm-gateway] [1] "])
        self.assertEqual(told[".pre-deinstall"][0], "default_prerm [ntm-gateway] [] ")

    def test_a_packages_own_command_is_run_once_it_is_there(self):
        _, known = self.ipk("luci-app-ntm", "all")
        scripts = [member(known, "./postinst-pkg")]
        known, _, _ = self.apk("luci-app-ntm")
        scripts += [member(known, name).split(b"default_postinst\n")[1] for name in (".post-install", ".post-upgrade")]
        for script in scripts:
            said = script.replace(b"killall -HUP rpcd 2>/dev/null", b"echo told rpcd")
            self.assertEqual(self.run_script(said, IPKG_INSTROOT=""), ["told rpcd"])
            self.assertEqual(self.run_script(said), [])

    def test_a_packages_own_command_is_run_before_it_goes_but_not_on_upgrades(self):
        _, known = self.ipk("ntm-proto", "all")
        by_opkg = member(known, "./prerm-pkg")
        known, _, _ = self.apk("ntm-proto")
        by_apk = member(known, ".pre-deinstall").split(b"default_prerm\n")[1]
        for script in (by_opkg, by_apk):
            said = script.replace(b"/usr/lib/ntm/remove", b"echo remove")
            self.assertEqual(self.run_script(said, IPKG_INSTROOT=""), ["remove proto"])
            self.assertEqual(self.run_script(said, IPKG_INSTROOT="", PKG_UPGRADE="1"), [])
            self.assertEqual(self.run_script(said), [])
        _, known = self.ipk("ntm-dc")
        self.assertNotIn("./prerm-pkg", [line[3] for line in listing(known)])


if __name__ == "__main__":
    unittest.main()
