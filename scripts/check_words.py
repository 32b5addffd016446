#!/usr/bin/env python3
"""Holds the glossary of CONTRIBUTING.md: finds its words in what people read, and says what to write instead.

    check_words.py [FILE...]     documents, rules, recipes, comments, messages; of the whole repository, unless files are named
    check_words.py --count       one line for each entry: how often it occurs in documents, and elsewhere
    check_words.py --table       the table that CONTRIBUTING.md must contain
"""
import dataclasses
import fnmatch
import io
import pathlib
import re
import subprocess
import sys
import tokenize

ROOT = pathlib.Path(__file__).resolve().parents[1]

# What people read. docs/rules.md is generated from rules/*.def; this script and its test name the words to find them.
READ = ["*.md", "*.def", "lib/*.h", "lib/*.cc", "lib/*.c", "cli/*.h", "cli/*.cc", "python/*.h", "python/*.cc", "python/*.py",
        "python/*.pyi", "scripts/*", "corpus/*.recipe", "corpus/*.inc", "corpus/*.py", "tests/*.h", "tests/*.cc", "tests/*.c",
        "tests/*.py", "tests/*.rs", "fuzz/*.h", "fuzz/*.cc", "fuzz/*.py", "fuzz/*.rs", "bench/*.h", "bench/*.cc", "bench/*.py",
        "bench/*.rs"]
NOT_READ = ["docs/rules.md", "scripts/check_words.py", "tests/style/check_words_test.py", "*.json", "*.txt"]


@dataclasses.dataclass(frozen=True)
class Entry:
    word: str         # as the table in CONTRIBUTING.md shows it
    instead: str
    pattern: str      # what is found: case does not matter, a space also matches a line end with the marks of a comment
    unless: str = ""  # what is found within such words is right


# A new entry needs examples in tests/style/check_words_test.py: one that is found and one that is not.
GLOSSARY = [
    Entry("`tells`, `told` (of a file, a program)", "reports, records, states, recognizes",
          r"tells?|telling|told",
          r"(?:tells?|telling|told) (?:us|me|you)|(?:tells?|telling|told) (?:\S+ ){0,3}apart|told to (?!be)[a-z]+"
          r"|(?:tells?|telling) (?:\S+ ){1,6}from|tell\(\)"
          r"|tells? (?:it|them|the (?:caller|parser|reader|compiler|kernel|loader)) (?:that|to|what|which|whether|how|where)"),
    Entry("`stands`, `stood` (in a place)", "is, appears",
          r"stands?|stood|standing",
          r"stand(?:s|ing)? (?:for|out|up|alone)|stood (?:for|out)"),
    Entry("`behind` (in a file, a sequence)", "after",
          r"behind",
          r"(?:leaves?|left|stays?|leaving) (?:[\w']+ ){0,2}behind|(?:file|folder|descriptor|findings|reasons?) behind"
          r"|behind (?:a|an|any|the|one|its) (?:\w+ ){0,2}(?:proxy|firewall|links?|descriptor|flag)"),
    Entry("`shall`", "must, will", r"shall"),
    Entry("`is no …`, `that are no …`, `is none`", "is not a …, that are not …",
          r"(?:is|are|was|were) (?-i:none|no)",
          r"there (?:is|are|was|were) (?:no|none)|(?:is|are|was|were) there (?:no|none)"
          r"|(?:is|are|was|were) no (?:longer|more|less|fewer|later|earlier|larger|smaller|better|worse|different|good|use|way)"),
    Entry("`… of the caller's`", "the caller's …, caller-owned",
          r"of (?:the|a) (?:caller|user|reader|writer|parser|system|file|library|loader|process|program)'s"
          r"(?= ?[.,;:)|]| (?:which|that|is|has|have|must|may|as|throws?|threw))",
          r"one of the \w+'s"),
    Entry("`anew`", "again, from scratch; writes → rewrites", r"anew"),
    Entry("`bears`, `bearing`", "has, contains", r"bears?|bearing|bore", r"bear(?:s|ing)? (?:in mind|with)"),
    Entry("`lies`, `laid` (of bytes)", "is, is at, is placed",
          r"(?:lies?|lay|lain|lying) (?:in|within|inside|outside|between|behind|after|before|at|as|together|there|among|across|packed"
          r"|otherwise|closest|farthest|next|side|directly|anywhere|where)|laid",
          r"laid out"),
    Entry("`begun`, `breaks off`, `goes on`", "started, stops early, continues",
          r"begun|(?:breaks?|broke|broken|breaking) off|(?:goes|go|going|went|gone) on",
          r"what is going on"),
    Entry("`speaks of`, `knows of`", "names, mentions, lists, is about",
          r"(?:speaks?|spoken?|speaking|knows?|known|knew) of"),
    Entry("`as good as none`, `without a word`", "effectively disables, silently",
          r"as good as (?:none|no|nothing)|without a word"),
    Entry("`what becomes of …`, `who loads it`", "what happens to …, anyone who loads it",
          r"(?:becomes?|became) of|(?:for|to) who|[.:;] who (?:loads|opens|reads|writes|cuts|looks|wants|has|makes)"),
    Entry("`so many`, `as many as`, `how-manieth`", "up to N, the number of, the index of",
          r"so many|so much|as many as|how-manieth",
          r"so (?:many|much) (?:\w+ ){0,4}that|so much (?:as|for|so|the|more|less|better)"),
    Entry("`alone` (after a noun)", "only …, by itself",
          r"alone",
          r"(?:left|leaves?|let|stands?|standing) (?:\w+ )?alone"
          r"|alone (?:cannot|proves?|imports?|changes?|would|could|(?:does|do|is|are|must|can|may) not)"),
    Entry("`nobody`, `no one`", "name the actor: no check, tensorgate does not", r"nobody|no one"),
    Entry("`out of` (of an origin)", "from",
          r"out of",
          r"out of (?:memory|range|bounds?|order|line|reach|date|place|scope|sync|space|sight|the (?:way|order|box))"
          r"|copy out of meta tensor|(?:leads?|led|leading|links?|runs?|running|ran|gets?|goes|moves?|keeps?|kept|left|leaves?|failed|\d) out of"),
    Entry("`…, of which …`", "a sentence of its own",
          r"of (?:which|whose)",
          r"(?:first|last|rest|one|none|all|each|every|some|most|many|both|half|either|any|neither|two|three|\d) of (?:which|whose)"),
    Entry("`else`, `be it`, `shows it that`", "otherwise; whether …; shows that",
          r"(?:[.;:,(] |or )else(?= [\w\"])|, be it|(?:shows|has|have|sees) it that",
          r"else (?:if|std|return)"),
    Entry("British spelling", "American: recognize, behavior, license",
          r"(?:un|re|de)?(?:recogni|seriali|optimi|minimi|maximi|initiali|normali|organi|summari|quanti|utili|speciali|canonicali|generali"
          r"|synchroni|analy)s(?:e|es|ed|ing|ations?|ers?)|(?:behavi|col|neighb|fav|hon)ours?|licences?|modell(?:ed|ing)|labell(?:ed|ing)"
          r"|centres?|artefacts?|judgements?",
          r"analyses"),
]


def blank(text):
    """What is code: no word of it is found, and no words to its left and right are neighbours."""
    return re.sub(r"\S", "\x01", text)


def unquoted(text):
    """Prose without the code that it quotes, and without the marks that begin its lines."""
    text = re.sub(r"(`+)(?:(?!\n\s*\n).)*?\1", lambda found: blank(found.group()), text, flags=re.DOTALL)
    return re.sub(r"(?m)^([ \t]*)(///?<?|/?\*+/?|#+!?|>)", lambda found: found.group(1) + " " * len(found.group(2)), text)


def string(literal):
    """A string is read by people if it has words: one word is a name, a key or a file. Adjacent strings are one text."""
    quote = re.match(r"[A-Za-z]*(?:\"{3}|'{3}|[\"'])", literal).group()
    length = len(quote.lstrip("rbfuRBFU"))
    text = literal[len(quote):len(literal) - length]
    read = unquoted(text) if length == 3 or re.search(r"[a-z,.;:] |[a-z,.;:]\n", text) else blank(text)
    return " " * len(quote) + read + " " * length


CPP = re.compile(
    r"""(?P<comment>//[^\n]*(?:\n[ \t]*//[^\n]*)*|/\*.*?\*/)
      | (?P<include>\#\s*include[^\n]*)
      | (?P<raw>R"(?P<mark>[^()\s]*)\(.*?\)(?P=mark)")
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<char>(?<![0-9A-Za-z])'(?:[^'\\\n]|\\.)+')
      | (?P<code>[\w']+|\s+|.)""", re.DOTALL | re.VERBOSE)


def of_cpp(text):
    parts = []
    for found in CPP.finditer(text):
        part = found.group()
        if found.lastgroup == "comment":
            parts.append(unquoted(part))
        elif found.lastgroup == "string":
            parts.append(string(part))
        else:
            parts.append(blank(part))
    return "".join(parts)


def of_python(text):
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    parts, end = [], 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        # Since Python 3.12 an f-string is several tokens: its quotes, and the text between its braces.
        kind = tokenize.tok_name[token.type]
        if kind in ("COMMENT", "STRING", "FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END"):
            begin = starts[token.start[0] - 1] + token.start[1]
            parts.append(blank(text[end:begin]))
            end = starts[token.end[0] - 1] + token.end[1]
            part = text[begin:end]
            if kind == "STRING":
                parts.append(string(part))
            elif kind in ("FSTRING_START", "FSTRING_END"):
                parts.append(" " * len(part))
            else:
                parts.append(unquoted(part) if kind == "COMMENT" or " " in part else blank(part))
    return "".join(parts) + blank(text[end:])


SHELL = re.compile(r"""(?P<comment>(?:(?<=\s)|^)\#[^\n]*)|(?P<string>"(?:[^"\\\n]|\\.)*"|'[^'\n]*')|(?P<code>[\s\S])""", re.MULTILINE)


def of_shell(text):
    parts = []
    for found in SHELL.finditer(text):
        part = found.group()
        parts.append(unquoted(part) if found.lastgroup == "comment" else
                     string(part) if found.lastgroup == "string" else blank(part))
    return "".join(parts)


RECIPE = re.compile(r"""(?P<about>^(?:about|unsure):[^\n]*)|(?P<comment>\#[^\n]*(?:\n[ \t]*\#[^\n]*)*)
      | (?P<string>`[^`\n]*`|"(?:[^"\\\n]|\\.)*")|(?P<code>[^\#`"\n]+|.)""", re.DOTALL | re.MULTILINE | re.VERBOSE)


def of_recipe(text):
    """The lines of the head that are for readers, and the comments: everything else is bytes of a file."""
    return "".join(unquoted(found.group()) if found.lastgroup in ("about", "comment") else blank(found.group())
                   for found in RECIPE.finditer(text))


BY_LANGUAGE = {"cpp": of_cpp, "c": of_cpp, "python": of_python, "cmake": of_shell, "console": blank}


def of_markdown(text):
    """Prose; of examples their comments and messages."""
    parts, end = [], 0
    for found in re.finditer(r"(?ms)^```(\w*)\n(.*?)^```", text):
        parts += [unquoted(text[end:found.start()]), blank(text[found.start():found.start(2)])]
        parts += [BY_LANGUAGE.get(found.group(1), unquoted)(found.group(2)), blank("```")]
        end = found.end()
    return "".join(parts) + unquoted(text[end:])


def prose(name, text):
    """The same text, with everything that is not read by people replaced: places stay the same."""
    suffix = pathlib.PurePath(name).suffix
    if suffix == ".md":
        return of_markdown(text)
    if suffix in (".recipe", ".inc"):
        return of_recipe(text)
    if suffix in (".h", ".cc", ".c", ".def", ".rs"):
        return of_cpp(text)
    if suffix in (".py", ".pyi") or re.match(r"#!.*python", text):
        return of_python(text)
    return of_shell(text)


def compiled(pattern):
    return re.compile(r"(?i)(?:(?<![\w-])|(?=\W))(?:" + pattern.replace(" ", r"\s+").replace(r"\s+?", r"\s*") + r")(?![\w-])")


PATTERNS = [(entry, compiled(entry.pattern), compiled(entry.unless or "(?!)")) for entry in GLOSSARY]


def findings(name, text):
    """(line, the words found, entry) of each use of a word of the glossary."""
    read = re.sub(r"\x01[\x01 ]*\x01", "\x01", prose(name, text))  # most of a source file is code: only its lines count
    for entry, pattern, unless in PATTERNS:
        right = None
        for found in pattern.finditer(read):
            if right is None:
                right = [each.span() for each in unless.finditer(read)]
            if not any(begin < found.end() and found.start() < end for begin, end in right):
                yield read.count("\n", 0, found.start()) + 1, " ".join(found.group().split()), entry


def files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    for name in listed:
        if any(fnmatch.fnmatch(name, each) for each in READ) and not any(fnmatch.fnmatch(name, each) for each in NOT_READ):
            yield name


def table():
    return "".join(["| not | but |\n| --- | --- |\n"] + [f"| {entry.word} | {entry.instead} |\n" for entry in GLOSSARY])


def main(arguments):
    if arguments == ["--table"]:
        print(table(), end="")
        return 0
    counting = arguments == ["--count"]
    names = list(files()) if counting or not arguments else arguments
    counts = {entry: [0, 0] for entry in GLOSSARY}
    for name in names:
        text = (ROOT / name).read_text(encoding="utf-8")
        for line, words, entry in sorted(findings(name, text), key=lambda found: found[0]):
            counts[entry][not name.endswith(".md")] += 1
            if not counting:
                print(f"{name}:{line}: not \"{words}\" but {entry.instead}", file=sys.stderr)
    if counting:
        for entry, (documents, others) in counts.items():
            print(f"{documents:5} in *.md {others:5} elsewhere  {entry.word}")
    return any(sum(each) for each in counts.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
