"""Every verb, once through: its help, what its parser takes and refuses, the man page, bash completion; all say the same.

usage: test_verbs.py FIREGW SOURCE"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

FIREGW, SOURCE = sys.argv[1:3]
BOGUS = "--no-such-option"
OPTION = re.compile(r"^  (?:-(\w), |    )--([\w-]+)(?: (\S+))?  +\S", re.M)


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as f:
        return f.read()


def run(*words):
    # No daemon is near, and nothing is to be found where the words may point.
    with tempfile.TemporaryDirectory(prefix="firegw-verbs-") as folder:
        return subprocess.run([FIREGW, *words], capture_output=True, text=True, timeout=60, cwd=folder, stdin=subprocess.DEVNULL, env=dict(os.environ, FIREGW_SOCKET=os.path.join(folder, "s")))


def manual(verb):
    """{option: letter} that firegw(1) gives the verb, and its text."""
    page = read("docs/man/firegw.1")
    text = re.split(r"^\.S[sh] ", page.split(f".Ss {verb}\n", 1)[1], maxsplit=1, flags=re.M)[0]
    found = {}
    for line in re.findall(r"^\.It (.*Fl -.*)$", text, re.M):
        letter, name = re.search(r"^Fl (\w)\b", line), re.search(r"Fl -([\w-]+)", line)
        found[name[1]] = letter[1] if letter else ""
    also = re.search(r"^Also: (.*)\.$", text, re.M)[1]
    found.update({name: "" for name in re.findall(r"\\-\\-([\w-]+)", also)})
    return found, text


class Verbs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.verbs = {v["name"]: v for v in json.loads(run("help", "--json").stdout)}
        cls.help = {name: run(name, "--help") for name in cls.verbs}
        cls.options = {name: {o: (letter, value) for letter, o, value in OPTION.findall(done.stdout)} for name, done in cls.help.items()}
        cls.all_options = set().union(*cls.options.values())
        cls.completion = read("scripts/completion/firegw.bash")

    def each(self):
        self.assertGreater(len(self.verbs), 10)
        for name in self.verbs:
            with self.subTest(verb=name):
                yield name

    def refusal(self, *words):
        """What the parser cannot take: it stops at the first."""
        done = run(*words)
        told = json.loads(done.stdout)["error"] if done.stdout and "--json" in words else ""  # verbs that act say it to programs too
        self.assertEqual((done.returncode, done.stdout if not told else ""), (2, ""), (words, done.stderr))
        self.assertIn(told, done.stderr)
        found = re.match(r"firegw: [\w-]+: unknown option (\S+?)[:\s]", done.stderr)
        self.assertTrue(found, (words, done.stderr))
        return found[1]

    def test_help(self):
        overview = run("--help").stdout
        for name in self.each():
            done = self.help[name]
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, run("help", name).stdout)
            self.assertEqual(done.stdout, run(name, "-h").stdout)
            words = self.verbs[name]["arguments"]
            self.assertIn(f"\nUsage: firegw {name} [OPTION…]{' ' if words else ''}{words}\n", done.stdout)
            self.assertRegex(overview, rf"(?m)^  {name} +{re.escape(self.verbs[name]['summary'])}$")
            self.assertEqual({o["name"]: o["value"] or "" for o in self.verbs[name]["options"]}, {o: value for o, (_, value) in self.options[name].items()})
            self.assertLessEqual({"json", "help"}, self.options[name].keys())
            self.assertTrue(all(len(line) <= 200 for line in done.stdout.splitlines()))

    def test_the_parser_takes_what_help_says(self):
        for name in self.each():
            for option, (letter, value) in self.options[name].items():
                if option == "help":
                    continue
                for form in ([f"--{option}", *(["x"] if value else [])], *([[f"--{option}=x"]] if value else []), *([[f"-{letter}", *(["x"] if value else [])]] if letter else [])):
                    self.assertEqual(self.refusal(name, *form, BOGUS), BOGUS)
                if value:
                    done = run(name, f"--{option}")
                    self.assertEqual(done.returncode, 2)
                    self.assertIn(f"--{option} needs a value: --{option} {value}", done.stderr)
                else:
                    self.assertIn(f"--{option} takes no value", run(name, f"--{option}=x").stderr)

    def test_the_parser_refuses_what_help_does_not_say(self):
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        for name in self.each():
            for option in sorted(self.all_options - self.options[name].keys()):
                self.assertEqual(self.refusal(name, f"--{option}", "x"), f"--{option}")
            known = {letter for letter, _ in self.options[name].values()}
            for letter in letters if name == "watch" else "qxZ":
                if letter not in known:
                    self.assertEqual(self.refusal(name, f"-{letter}"), f"-{letter}")

    def test_the_manual_says_the_same(self):
        page = read("docs/man/firegw.1")
        self.assertEqual(re.findall(r"^\.Ss (\S+)$", page, re.M), list(self.verbs))
        for name in self.each():
            found, text = manual(name)
            self.assertEqual(found.keys(), self.options[name].keys())
            for option, (letter, _) in self.options[name].items():
                self.assertIn(found[option], ("" if option == "help" else letter, letter))
            self.assertIn(f".Cm {name}\n", text)

    def test_completion_says_the_same(self):
        self.assertEqual(re.search(r"^_firegw_verbs='(.*)'$", self.completion, re.M)[1].split(), list(self.verbs))
        values = set(re.findall(r"'(firegw [\w-]+ -[\w-]+)'", self.completion))
        for name in self.each():
            found = re.search(rf"^\t'firegw {name}'\) echo '(--.*)' ;;$", self.completion, re.M)[1].split()
            self.assertEqual(found, [f"--{o['name']}" for o in self.verbs[name]["options"]])
            for option, (letter, value) in self.options[name].items():
                self.assertEqual(f"firegw {name} --{option}" in values, bool(value))
                self.assertEqual(f"firegw {name} -{letter}" in values, bool(value and letter))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
