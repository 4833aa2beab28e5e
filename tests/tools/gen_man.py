"""Writes the man pages that say what is said elsewhere: firegw(1)'s verbs from the command's own help, section 5 from docs/*.md.

usage: gen_man.py [--check] FIREGW ROOT     --check: writes nothing, ends with 1 if a page is not what would be written"""
import json
import os
import re
import subprocess
import sys

PAGES = {  # name: (source, one line)
    "firegw-site.yaml": ("site", "the site file of firegwd: every key"),
    "firegw-points": ("points", "point tables and device profiles of firegwd"),
    "firegw-rules": ("rules", "alarm rules of firegwd"),
}
XREF = {source + ".md": name for name, (source, _) in PAGES.items()}
BEGIN, END = '.\\" verbs: scripts/gen-docs writes them', '.\\" end of the verbs'


def glyphs(text):
    return "".join(c if ord(c) < 127 else "\\[u%04X]" % ord(c) for c in text)


def plain(text):
    """A text as roff takes it anywhere; dashes that begin an option or a number stay what they are."""
    text = text.replace("\\", "\\e").replace("'", "\\(aq").replace("`", "\\(ga").replace('"', "\\(dq").replace("~", "\\(ti").replace("^", "\\(ha")
    return glyphs(re.sub(r"(?<!\w)-(?=[-\w])", r"\\-", text.replace("…", "...")))


def code(text):
    return plain(text).replace("\\-", "-").replace("-", "\\-")


def link(match):
    text, target = match.groups()
    page = XREF.get(os.path.basename(target))
    return "\1" + page + "\2(5)" if page else text


def inline(text):
    """Markdown's spans; fonts are marked by bytes that no text holds until the rest is escaped."""
    text = re.sub(r"\[([^]]*)\]\(([^)]*)\)", link, text)
    out = []
    for i, part in enumerate(re.split(r"`([^`]*)`", text)):
        if i % 2:
            out.append("\\fB" + code(part) + "\\fR")
        else:
            part = plain(re.sub(r"(?<![*\w])\*([^*]+)\*(?!\*)", "\3\\1\2", re.sub(r"\*\*", "", part)))
            out.append(part.replace("\1", "\\fB").replace("\2", "\\fR").replace("\3", "\\fI"))
    return "".join(out)


def line(text):
    """As input lines, one a sentence; none is a request or empty."""
    rows = re.sub(r"(?<=[a-z0-9)\]R][.?!]) (?=[A-Z\\])", "\n", text).split("\n")
    return "\n".join("\\&" + row if row[:1] in (".", "'", "") else row for row in rows)


def tagged(words):
    return ".It " + " ".join("\\&" + w for w in words.split())


def cells(row):
    return [c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", row.strip())[1:-1]]


def table(rows):
    heads = cells(rows[0])
    out = [".Bl -tag -width Ds"]
    for row in rows[2:]:
        first, *rest = cells(row)
        out.append(tagged(inline(first)))
        said = []
        for head, cell in zip(heads[1:], rest):
            if head == "meaning":
                said.insert(0, cell)
            elif cell == "must":
                said.append("Must be given")
            elif cell:
                said.append({"列": "Chinese"}.get(head, head.capitalize()) + ": " + cell)
        said = [s for s in said if s]
        out.append(line(inline(". ".join(said) + ("." if said else ""))))
    return out + [".El"]


def literal(rows):
    return [".Bd -literal -offset indent"] + [line(code(r)) if r else "" for r in rows] + [".Ed"]


def markdown(text):
    """Headings, paragraphs, lists, tables and code, which is all that the pages use."""
    out, rows, i, para = [], text.split("\n"), 0, True

    def begin():
        nonlocal para
        if not para:
            out.append(".Pp")
        para = False
    while i < len(rows):
        row = rows[i]
        n = 1
        if row.startswith("### "):
            out.append(".Ss " + inline(row[4:]))
            para = True
        elif row.startswith("## "):
            out.append(".Sh " + inline(row[3:]).replace("\\fB", "").replace("\\fR", ""))
            para = True
        elif row.startswith("# ") or not row.strip():
            pass
        elif row.startswith("```"):
            while not rows[i + n].startswith("```"):
                n += 1
            out.extend(literal(rows[i + 1:i + n]))
            n += 1
            para = False
        elif row.startswith("|"):
            while i + n < len(rows) and rows[i + n].startswith("|"):
                n += 1
            out.extend(table(rows[i:i + n]))
            para = False
        elif row.startswith("- "):
            out.append(".Bl -bullet")
            items = [row[2:]]
            while i + n < len(rows) and rows[i + n].strip() and not rows[i + n].startswith(("|", "#", "```")):
                if rows[i + n].startswith("- "):
                    items.append(rows[i + n][2:])
                else:
                    items[-1] += " " + rows[i + n].strip()
                n += 1
            for item in items:
                out.extend([".It", line(inline(item))])
            out.append(".El")
            para = False
        else:
            while i + n < len(rows) and rows[i + n].strip() and not rows[i + n].startswith(("|", "#", "```", "- ")):
                n += 1
            begin()
            out.append(line(inline(" ".join(r.strip() for r in rows[i:i + n]))))
        i += n
    return out


def section_5(root, name):
    source, about = PAGES[name]
    with open(os.path.join(root, "docs", source + ".md"), encoding="utf-8") as f:
        body = markdown(f.read())
    others = [n for n in sorted(PAGES) if n != name]
    return "\n".join([
        f'.\\" Written by scripts/gen-docs from docs/{source}.md: change that.', ".Dd November 24, 2026", f".Dt {name.upper()} 5", ".Os firegw", ".Sh NAME", f".Nm {name}",
        f".Nd {about}", ".Sh DESCRIPTION", *body, ".Sh SEE ALSO", ".Xr firegw 1 ,", f".Xr {others[0]} 5 ,", f".Xr {others[1]} 5 ,", ".Xr firegwd 8", ""])


def option_rows(text):
    """(letter, name, value, help) of each option of a verb's help."""
    found = re.findall(r"^  (?:-(\w), |    )--([\w-]+)(?: (\S+))? {2,}(.*)$", text, re.M)
    assert found, text
    return found


def verb_words(usage):
    """The arguments in a usage line: [SELECT…] → .Op Ar SELECT ..."""
    out = []
    for word in usage.split():
        optional, name = word.startswith("["), plain(word.strip("[]").replace("…", " ..."))
        out.append((".Op Ar " if optional else ".Ar ") + name)
    return out


def paragraphs(text):
    """Detail texts are wrapped by hand: what goes on in the next line belongs together, a new topic begins a paragraph."""
    rows = []
    for row in text.strip().split("\n"):
        if rows and row.strip() and rows[-1] and (row.startswith(" ") or not (rows[-1].endswith((".", "…")) or re.match(r"(\w+|--json[^:]*):", row))):
            rows[-1] += " " + row.strip()
        else:
            rows.append(row.strip())
    return [r for r in rows if r]


def verbs(firegw):
    def run(*args):
        return subprocess.run([firegw, *args], capture_output=True, text=True, check=True).stdout
    out, common = [], {}
    for verb in json.loads(run("help", "--json")):
        text = run(verb["name"], "--help")
        rows = option_rows(text)
        assert [r[1] for r in rows] == [o["name"] for o in verb["options"]], text
        out += [".Ss " + verb["name"], ".Nm", ".Cm " + verb["name"], ".Op Ar option ..."] + verb_words(verb["arguments"]) + [".Pp", line(plain(verb["summary"][0].upper() + verb["summary"][1:] + "."))]
        detail = text.split("\n\nUsage: ", 1)[1].split("\n\n", 1)[1]
        detail = re.split(r"^  (?:-\w, |    )--", detail, maxsplit=1, flags=re.M)[0]
        for p in paragraphs(detail):
            out += [".Pp", line(inline(p))]
        own = [r for r in rows if r[1] not in ("json", "help", "socket")]
        common.update({r[1]: r for r in rows if r not in own})
        if own:
            out += option_list(own)
        out += [".Pp", "Also: " + ", ".join("\\fB\\-\\-" + r[1] + "\\fR" for r in rows if r not in own) + "."]
    return [".Sh OPTIONS OF EVERY VERB"] + option_list(common.values()) + [".Sh VERBS"] + out


def option_list(rows):
    out = [".Bl -tag -width Ds"]
    for letter, name, value, text in rows:
        arg = f" Ar \\&{plain(value)}" if value else ""
        out += [".It " + (f"Fl {letter}{arg} , " if letter else "") + f"Fl -{name}{arg}", line(inline(text + "."))]
    return out + [".El"]


def firegw_1(root, firegw):
    with open(os.path.join(root, "docs/man/firegw.1"), encoding="utf-8") as f:
        head, rest = f.read().split(BEGIN + "\n")
    return head + BEGIN + "\n" + "\n".join(verbs(firegw)) + "\n" + END + "\n" + rest.split(END + "\n")[1]


def main():
    check = sys.argv[1:2] == ["--check"]
    firegw, root = sys.argv[2 if check else 1:]
    pages = {f"{name}.5": section_5(root, name) for name in PAGES}
    pages["firegw.1"] = firegw_1(root, firegw)
    stale = 0
    for name, text in pages.items():
        path = os.path.join(root, "docs/man", name)
        old = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
        if old != text and check:
            print(f"docs/man/{name} is not what its source says: run scripts/gen-docs")
            stale += 1
        elif old != text:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
    if check:
        print(f"{len(pages) - stale} passed, {stale} failed")
    return 1 if stale else 0


sys.exit(main())
