"""Writes scripts/completion/firegw.bash: tables of verbs and options from the programs' own help, and completion.bash beside this file, which reads them.

usage: gen_completion.py [--check] FIREGW FIREGWD FIREGW-SIM ROOT     --check: writes nothing, ends with 1 if the file is not what would be written"""
import json
import os
import re
import subprocess
import sys

CHOICE = r"[\w.-]+(?: \(default\))?"


def run(*args):
    return subprocess.run(args, capture_output=True, text=True, check=True).stdout


def value_kind(name, value, text):
    """How the value of an option is completed: words of completion.bash's _firegw_value."""
    if re.fullmatch(f"{CHOICE}(?:, {CHOICE})* or {CHOICE}", text):  # "table (default), csv or json"
        return "words " + " ".join(re.sub(r" \(default\)", "", w) for w in re.split(", | or ", text))
    if name in ("class", "hub", "raise", "clear"):
        return name
    if value in ("SITE", "FILE", "PATH") or name in ("ca", "cert", "key", "password-file", "rules"):
        return "file"
    if value == "T" and name != "note":
        return "time"
    if value in ("D", "DURATION"):
        return "span"
    return "other"


def word_kind(verb, word):
    """Of one word in a usage line: ALARM, [SELECT…], SELECT|all, real|false."""
    names = re.sub(r"[\[\]…]", "", word).split("|")
    if names[0].islower():
        return "words " + " ".join(names)
    if names[0] == "SELECT" and verb == "points":
        return "select_point"
    if names[0] == "URL":
        return "words mqtt:// mqtts:// ws:// wss://" if verb == "watch" else "words tcp:// rtu:// rtu+tcp://"
    if names[0] == "NAME" and verb == "hub":
        return "hub"
    return {"SITE": "file", "FILE": "file", "SELECT": "select", "ALARM": "alarm", "POINT": "point", "VERB": "verb"}.get(names[0], "other")


def words_kind(verb, arguments):
    """How the words of a verb are completed: kind of the first, kind of those behind it."""
    words = arguments.split()
    if not words:
        return "other", "other"
    if not words[0].strip("[").split("|")[0].rstrip("]").islower():
        first = word_kind(verb, words[0])
        return first, first if "…" in words[0] else word_kind(verb, words[1]) if len(words) > 1 else "other"
    # "[list [NAME]] | resend NAME | purge NAME": one of these, and what goes with it.
    parts = [re.sub(r"[\[\]]", "", part).split() for part in arguments.split("|")]
    behind = [word_kind(verb, part[1]) for part in parts if len(part) > 1]
    return "words " + " ".join(part[0] for part in parts), behind[0] if behind else "other"


def help_options(text):
    """(letter, name, value, help) of each option in a program's help."""
    found = re.findall(r"^ {2,6}(?:-(\w), )?--([\w-]+)(?: ([A-Z:]+))? {2,}(.*)$", text, re.M)
    short = re.search(r"^  --help, --version$", text, re.M)
    return found + ([("", "help", "", ""), ("", "version", "", "")] if short else [])


def letters(text):
    return {name: letter for letter, name in re.findall(r"^  -(\w), --([\w-]+)", text, re.M)}


def rows_of(command, options):
    """Lines of the two tables for one command: its options, and how their values are completed."""
    names, values = [], []
    for letter, name, value, text in options:
        both = [f"--{name}"] + ([f"-{letter}"] if letter else [])
        names.append(f"--{name}")
        if value:
            values.append(f"\t{' | '.join(repr(command + ' ' + b) for b in both)}) echo '{value_kind(name, value, text)}' ;;")
    return f"\t'{command}') echo '{' '.join(names)}' ;;", values


def tables(firegw, firegwd, sim, root):
    verbs = json.loads(run(firegw, "help", "--json"))
    options, values, words = [], [], []
    for verb in verbs:
        short = letters(run(firegw, verb["name"], "--help"))
        own, its = rows_of("firegw " + verb["name"], [(short.get(o["name"], ""), o["name"], o["value"], o["help"]) for o in verb["options"]])
        options.append(own)
        values += its
        first, rest = words_kind(verb["name"], verb["arguments"])
        words.append(f"\t'firegw {verb['name']}') echo '{first}' ;;" if first == rest else
                     f"\t'firegw {verb['name']}') [ \"$2\" = 1 ] && echo '{first}' || echo '{rest}' ;;")
    for name, program in (("firegwd", firegwd), ("firegw-sim", sim)):
        own, its = rows_of(name, help_options(run(program, "--help")))
        options.append(own)
        values += its
    with open(os.path.join(root, "docs/kinds.md"), encoding="utf-8") as f:
        kinds = re.findall(r"^\| ([a-z_]+) \| [^|]*[^\x00-\x7f]", f.read(), re.M)[1:]  # without the table's head
    return "\n".join([
        f"_firegw_verbs='{' '.join(v['name'] for v in verbs)}'", f"_firegw_kinds='{' '.join(kinds)}'",
        "# The options of a command.", "_firegw_options() {", '\tcase "$1" in', *options, "\tesac", "}",
        "# How an option's value is completed; nothing: it takes none.", "_firegw_value() {", '\tcase "$1 $2" in', *values, "\tesac", "}",
        "# How a verb's word is completed; $2: which, from 1.", "_firegw_words() {", '\tcase "$1" in', *words, "\tesac", "}", ""])


def main():
    check = sys.argv[1:2] == ["--check"]
    firegw, firegwd, sim, root = sys.argv[2 if check else 1:]
    path = os.path.join(root, "scripts/completion/firegw.bash")
    with open(os.path.join(os.path.dirname(os.path.realpath(__file__)), "completion.bash"), encoding="utf-8") as f:
        code = f.read()
    text = "# bash completion of firegw, firegwd and firegw-sim. Written by scripts/gen-docs: the tables from the programs' help, the rest from tests/tools/completion.bash.\n"
    text += tables(firegw, firegwd, sim, root) + code
    old = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
    if old == text:
        return 0
    if check:
        print("scripts/completion/firegw.bash is not what the programs' help says: run scripts/gen-docs")
        return 1
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return 0


sys.exit(main())
