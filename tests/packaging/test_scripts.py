"""The package's maintainer scripts, with programs that only note that they were called: what an upgrade, a refused site file, a removal and a purge do.

usage: test_scripts.py SOURCE"""
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.join(sys.argv[1], "scripts/packaging/debian")
STUB = '#!/bin/sh\necho "$(basename "$0") $*" >>"$CALLS"\nif [ "$(basename "$0")" = deb-systemd-helper ] && [ "$2" = was-enabled ]; then exit "${WAS_ENABLED:-0}"; fi\n' \
       'case "$(basename "$0") $*" in "systemctl --quiet is-active"*) exit "${INACTIVE:-0}";; runuser*) exit "${REFUSED:-0}";; esac\n'


class Scripts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="firegw-scripts-")
        self.addCleanup(folder.cleanup)
        self.root, self.calls = folder.name, os.path.join(folder.name, "calls")
        for name in ("bin", "etc/firegw", "var/lib/firegw", "run/systemd/system"):
            os.makedirs(os.path.join(self.root, name))
        for name in ("systemctl", "systemd-sysusers", "systemd-tmpfiles", "deb-systemd-helper", "deb-systemd-invoke", "runuser"):
            with open(os.path.join(self.root, "bin", name), "w", encoding="utf-8") as f:
                f.write(STUB)
            os.chmod(f.name, 0o755)
        self.write("etc/firegw/site.yaml")
        self.write("var/lib/firegw/firegw.db")

    def write(self, name):
        open(os.path.join(self.root, name), "w", encoding="utf-8").close()

    def there(self, name):
        return os.path.exists(os.path.join(self.root, name))

    def run_script(self, name, *args, **env):
        """What it said, and what it called."""
        with open(os.path.join(SCRIPTS, name), encoding="utf-8") as f:
            text = f.read()
        for path in ("/etc/firegw", "/var/lib/firegw", "/run/systemd/system"):
            text = text.replace(path, self.root + path)
        open(self.calls, "w", encoding="utf-8").close()
        done = subprocess.run(["sh", "-s", "--", *args], input=text, capture_output=True, text=True, timeout=60,
                              env={"PATH": f"{self.root}/bin:/usr/bin:/bin", "CALLS": self.calls, **env})
        self.assertEqual((done.returncode, done.stderr), (0, ""), name)
        with open(self.calls, encoding="utf-8") as f:
            return done.stdout, f.read().splitlines()

    def test_upgrade_restarts_after_the_site_was_accepted(self):
        said, calls = self.run_script("postinst", "configure", "0.1.0-1")
        self.assertEqual(said, "")
        self.assertEqual(calls[-2:], [f"runuser -u firegw -- firegw check -c {self.root}/etc/firegw/site.yaml", "deb-systemd-invoke restart firegwd.service"])
        self.assertIn("systemctl --system daemon-reload", calls)

    def test_refused_site_leaves_what_runs_alone(self):
        said, calls = self.run_script("postinst", "configure", "0.1.0-1", REFUSED="1")
        self.assertIn("NOT RESTARTED: the version that runs goes on.", said)
        self.assertIn("systemctl restart firegwd", said)
        self.assertEqual([c for c in calls if "stop" in c or "start" in c], [])
        said, calls = self.run_script("postinst", "configure", REFUSED="1", INACTIVE="3")
        self.assertIn("not started.", said)
        self.assertNotIn("goes on", said)
        self.assertEqual([c for c in calls if "stop" in c or "start" in c], [])

    def test_without_site_or_systemd_nothing_is_started(self):
        os.rmdir(os.path.join(self.root, "run/systemd/system"))
        said, calls = self.run_script("postinst", "configure", "0.1.0-1")
        self.assertEqual((said, [c for c in calls if "systemctl" in c or "invoke" in c]), ("", []))
        os.makedirs(os.path.join(self.root, "run/systemd/system"))
        os.remove(os.path.join(self.root, "etc/firegw/site.yaml"))
        said, calls = self.run_script("postinst", "configure", "")
        self.assertIn("not started: there is no", said)
        self.assertEqual([c for c in calls if "invoke" in c], [])

    def test_disabled_stays_disabled(self):
        self.assertIn("deb-systemd-helper enable firegwd.service", self.run_script("postinst", "configure", "0.1.0-1")[1])
        calls = self.run_script("postinst", "configure", "0.1.0-1", WAS_ENABLED="1")[1]
        self.assertNotIn("deb-systemd-helper enable firegwd.service", calls)
        self.assertIn("deb-systemd-helper update-state firegwd.service", calls)

    def test_an_aborted_step_does_nothing(self):
        self.assertEqual(self.run_script("postinst", "abort-upgrade", "0.2.0-1"), ("", []))

    def test_the_daemon_works_while_the_new_version_is_unpacked(self):
        self.assertEqual(self.run_script("prerm", "upgrade", "0.2.0-1"), ("", []))
        self.assertEqual(self.run_script("postrm", "upgrade", "0.2.0-1"), ("", []))
        self.assertEqual(self.run_script("prerm", "remove")[1], ["deb-systemd-invoke stop firegwd.service"])

    def test_remove_keeps_and_purge_deletes_the_database(self):
        said, _ = self.run_script("postrm", "remove")
        self.assertIn("stay; a purge deletes the database", said)
        self.assertTrue(self.there("var/lib/firegw/firegw.db"))
        said, calls = self.run_script("postrm", "purge")
        self.assertIn("with all alarms and readings", said)
        self.assertIn("/etc/firegw is not empty and stays", said)
        self.assertEqual(calls, ["deb-systemd-helper purge firegwd.service"])
        self.assertFalse(self.there("var/lib/firegw"))
        self.assertTrue(self.there("etc/firegw/site.yaml"))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
