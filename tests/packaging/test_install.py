"""`cmake --install` into an empty folder: what is there, with which modes, and whether unit and man pages are right.

usage: test_install.py CMAKE BUILD PREFIX SOURCE"""
import glob
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

CMAKE, BUILD, PREFIX, SOURCE = sys.argv[1:5]
PROGRAMS = {"firegwd": "sbin", "firegw": "bin", "firegw-sim": "bin", "firegw-uplink": "libexec"}
MAN = ["man1/firegw.1", "man1/firegw-sim.1", "man5/firegw-points.5", "man5/firegw-rules.5", "man5/firegw-site.yaml.5", "man8/firegw-uplink.8", "man8/firegwd.8"]
EXPOSURE_MAX = 20  # tenths


def run(*args, **more):
    return subprocess.run(args, capture_output=True, text=True, timeout=120, **more)


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dest = tempfile.mkdtemp(prefix="firegw-install-")
        cls.addClassCleanup(shutil.rmtree, cls.dest)
        os.umask(0o022)
        done = run(CMAKE, "--install", BUILD, env=dict(os.environ, DESTDIR=cls.dest))
        assert done.returncode == 0, done.stdout + done.stderr
        cls.root = cls.dest + PREFIX

    def path(self, name):
        return os.path.join(self.root, name)

    def program(self, name):
        return self.path(f"{PROGRAMS[name]}/{name}")

    def test_file_list(self):
        expected = {f"{folder}/{name}" for name, folder in PROGRAMS.items()} | {"share/man/" + page for page in MAN}
        expected |= {"lib/systemd/system/firegwd.service", "lib/sysusers.d/firegw.conf", "lib/tmpfiles.d/firegw.conf"}
        expected |= {"share/firegw/profiles/" + os.path.basename(p) for p in glob.glob(SOURCE + "/examples/profiles/*.csv")}
        expected |= {"share/firegw/rules/" + os.path.basename(p) for p in glob.glob(SOURCE + "/examples/rules/*.yaml")}
        expected |= {"share/bash-completion/completions/" + name for name in ("firegw", "firegwd", "firegw-sim")}
        doc = "share/doc/firegw/"
        expected |= {doc + name for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "copyright")}
        expected |= {doc + os.path.relpath(p, SOURCE) for p in glob.glob(SOURCE + "/docs/*.md") + [SOURCE + "/docs/asyncapi.yaml"]}
        for folder, _, names in os.walk(SOURCE + "/examples"):
            expected |= {doc + os.path.relpath(os.path.join(folder, n), SOURCE) for n in names if ".db" not in n and ".sock" not in n}
        found = {os.path.relpath(os.path.join(folder, n), self.root) for folder, _, names in os.walk(self.dest) for n in names}
        self.assertEqual(found, expected)

    def test_modes(self):
        for folder, folders, names in os.walk(self.root):
            for name in folders + names:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    self.assertTrue(os.path.realpath(path).startswith(os.path.realpath(self.root)) and os.path.exists(path), path)
                    continue
                wanted = 0o755 if name in folders or os.path.basename(folder) == PROGRAMS.get(name) else 0o644
                self.assertEqual(oct(stat.S_IMODE(os.lstat(path).st_mode)), oct(wanted), path)

    def test_unit_names_what_is_installed(self):
        with open(self.path("lib/systemd/system/firegwd.service"), encoding="utf-8") as f:
            unit = f.read()
        self.assertIn(f"ExecStart={PREFIX}/sbin/firegwd -c /etc/firegw/site.yaml\n", unit)
        self.assertNotIn("@CMAKE", unit)
        with open(self.path("lib/sysusers.d/firegw.conf"), encoding="utf-8") as f:
            made = re.findall(r"^([ug]) (\S+)", f.read(), re.M)
        self.assertEqual(made, [("u", "firegw"), ("g", "firegw-operators"), ("g", "firegw-maintainers"), ("g", "dialout")])
        with open(self.path("lib/tmpfiles.d/firegw.conf"), encoding="utf-8") as f:
            self.assertEqual(re.findall(r"^d (.*)$", f.read(), re.M), ["/etc/firegw 0750 root firegw", "/var/lib/firegw 0750 firegw firegw"])

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
    def test_unit_verified(self):
        unit = self.path("lib/systemd/system/firegwd.service")
        here = os.path.join(self.dest, "firegwd.service")
        with open(unit, encoding="utf-8") as f, open(here, "w", encoding="utf-8") as copy:
            copy.write(f.read().replace(f"ExecStart={PREFIX}", f"ExecStart={self.root}"))
        self.addCleanup(os.remove, here)
        done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", here)
        said = [row for row in (done.stdout + done.stderr).splitlines() if "firegw" in row]
        self.assertEqual((done.returncode, said), (0, []), done.stderr)
        done = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager", here)
        self.assertEqual(done.returncode, 0, done.stdout[-300:] + done.stderr)


class Package(unittest.TestCase):
    def test_changelog_has_this_version(self):
        with open(SOURCE + "/CMakeLists.txt", encoding="utf-8") as f:
            version = re.search(r"project\(firegw VERSION (\S+)", f.read())[1]
        with open(SOURCE + "/scripts/packaging/debian/changelog", encoding="utf-8") as f:
            self.assertRegex(f.readline(), rf"^firegw \({re.escape(version)}-1\) ")

    def test_maintainer_scripts(self):
        for name in ("postinst", "prerm", "postrm"):
            path = f"{SOURCE}/scripts/packaging/debian/{name}"
            self.assertTrue(os.access(path, os.X_OK), name)
            self.assertEqual(run("sh", "-n", path).stderr, "", name)


@unittest.skipUnless(shutil.which("groff"), "no groff")
class ManPages(unittest.TestCase):
    def render(self, page):
        done = run("groff", "-mandoc", "-Tutf8", "-ww", "-P-cbou", "-rLL=120n", os.path.join(SOURCE, "docs/man", os.path.basename(page)))
        self.assertEqual((done.returncode, done.stderr), (0, ""), page)
        return done.stdout

    def options(self, text):
        """Long options as words of their own, whichever dash the terminal shows."""
        return set(re.findall(r"(?<![\w-])--([a-z][a-z-]*)", re.sub("[‐−]", "-", text)))

    def program(self, name):
        return os.path.join(BUILD, "bin", name)

    def test_all_render(self):
        self.assertEqual(sorted(os.listdir(SOURCE + "/docs/man")), sorted(os.path.basename(p) for p in MAN))
        for page in MAN:
            self.assertGreater(len(self.render(page)), 500, page)

    def test_every_verb_and_option_of_firegw(self):
        text = self.render("firegw.1")
        verbs = text[text.index("\nVERBS\n"):text.index("\nENVIRONMENT\n")]
        sections = dict(re.findall(r"^   (\S+)\n(.*?)(?=^   \S|\Z)", verbs, re.M | re.S))
        table = json.loads(run(self.program("firegw"), "help", "--json").stdout)
        self.assertEqual(sorted(sections), sorted(v["name"] for v in table))
        for verb in table:
            said = self.options(run(self.program("firegw"), verb["name"], "--help").stdout.split("\n\n", 1)[1])
            self.assertLessEqual({o["name"] for o in verb["options"]}, said, verb["name"])
            self.assertLessEqual(said, self.options(sections[verb["name"]]), verb["name"])

    def test_every_option_of_the_others(self):
        for page in ("firegwd.8", "firegw-sim.1", "firegw-uplink.8"):
            said = self.options(run(self.program(page[:-2]), "--help").stdout)
            self.assertTrue(said, page)
            self.assertEqual(self.options(self.render(page)), said, page)

    def test_section_5_names_every_key(self):
        for page, source in (("firegw-site.yaml.5", "site"), ("firegw-points.5", "points"), ("firegw-rules.5", "rules")):
            text = re.sub("[‐−]", "-", self.render(page))
            with open(f"{SOURCE}/docs/{source}.md", encoding="utf-8") as f:
                rows = re.findall(r"^\| (`[^|]*`) \|", f.read(), re.M)
            keys = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
            self.assertGreater(len(keys), 10, page)
            self.assertEqual({key for key in keys if not re.search(rf"\b{key}\b", text)}, set(), page)

    @unittest.skipUnless(shutil.which("mandoc"), "no mandoc")
    def test_lint(self):
        for page in MAN:
            done = run("mandoc", "-Tlint", "-Wwarning", os.path.join(SOURCE, "docs/man", os.path.basename(page)))
            self.assertEqual(done.stdout, "", page)


if __name__ == "__main__":
    result = unittest.main(argv=[sys.argv[0], *sys.argv[5:]], exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad - len(result.skipped)} passed, {bad} failed")
    sys.exit(1 if bad else 0)
