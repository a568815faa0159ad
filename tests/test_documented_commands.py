"""Every command line written in the documents is one the tool takes: its verb, options, arguments.

Guides are run, too (tests/guides); the rest is parsed here and not run.
"""

import itertools
import re
from pathlib import Path

import pytest
from typer._click.exceptions import UsageError
from typer.core import TyperGroup
from typer.main import get_command

from runners import cli

ROOT = Path(__file__).parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *sorted((ROOT / "site" / "leaderboard" / "docs").glob("*.md")),
    *sorted((ROOT / "site" / "leaderboard" / "docs_zh").glob("*.md")),
]
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
QUOTED = re.compile(r"`([^`]+)`")
# The command itself, not `fenmark:` of a message or the package's name in prose.
CALL = re.compile(r"(?:^|[\s/=(;'])fenmark +(?=[a-z-])")
NOX = re.compile(r"(?:^|[\s/])nox(?: -s (?P<session>\w+))? -- +")
WORD = re.compile(r"""'[^']*'|"[^"]*"|[|&;<>()]+|[^\s'"|&;<>()]+""")
FENMARK = get_command(cli.app())


def words(line):
    """The arguments of one command, as a shell would split it, up to its end or a comment."""
    taken = itertools.takewhile(lambda word: word[0] not in "|&;<>()#", WORD.findall(line))
    return [word.strip("'\"") for word in taken]


def sessions():
    """The verb and options with which each nox session begins the command it hands its own to."""
    source = (ROOT / "noxfile.py").read_text()
    body = r"^def (\w+)\(session: nox\.Session\)(.*?)(?=^@|^def |\Z)"
    handed = {}
    for name, code in re.findall(body, source, re.MULTILINE | re.DOTALL):
        for call in re.findall(r'fenmark\(session, ((?:"[\w-]+", )+).*(?:posargs|arguments)', code):
            handed[name] = re.findall(r'"([\w-]+)"', call.removesuffix('"--out", '))
    return handed


def calls(text):
    """Yield the arguments of every call of `fenmark`, by name or through nox."""
    for line in text.replace("\\\n", " ").splitlines():
        for call in CALL.finditer(line):
            yield words(line[call.end() :])
        for call in NOX.finditer(line):
            session = call["session"] or "bench"
            if session in SESSIONS:
                yield [*SESSIONS[session], *words(line[call.end() :])]


def in_blocks(page):
    """Calls on lines of their own."""
    return list(calls("\n".join(FENCED.findall(page.read_text(encoding="utf-8")))))


def in_sentences(page):
    """Calls, whole or in part, within prose and tables."""
    prose = FENCED.sub("", page.read_text(encoding="utf-8"))
    return list(calls("\n".join(quoted.replace("\n", " ") for quoted in QUOTED.findall(prose))))


SESSIONS = sessions()


def command(arguments):
    """The verb (of a group) that is called, its context and what is left for it."""
    at, context, rest = FENMARK, FENMARK.context_class(FENMARK, info_name="fenmark"), arguments
    while isinstance(at, TyperGroup) and rest and not rest[0].startswith("-"):
        name, at, rest = at.resolve_command(context, rest)
        context = at.context_class(at, info_name=name, parent=context)
    return at, context, rest


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_command_lines_parse(page):
    wrong = []
    for arguments in in_blocks(page):
        try:
            verb, context, rest = command(arguments)
            _, left, _ = verb.make_parser(context).parse_args(rest)
        except UsageError as error:
            wrong.append((arguments, error.format_message()))
        else:
            if left:
                wrong.append((arguments, f"takes no {left}"))
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_named_in_a_sentence_exist_with_their_options(page):
    wrong = []
    for arguments in in_sentences(page):
        try:
            verb, _, rest = command(arguments)
        except UsageError as error:
            wrong.append((arguments, error.format_message()))
            continue
        known = {"--help"}.union(
            *(parameter.opts + parameter.secondary_opts for parameter in verb.params)
        )
        # A quoted word with a blank in it is another program's option, handed through.
        options = {word.partition("=")[0] for word in rest if re.match(r"--\S+$", word)}
        wrong += [(arguments, f"no option {option}") for option in options - known]
    assert wrong == []


def test_the_documents_are_read():
    blocks = [call for page in PAGES for call in in_blocks(page)]
    assert len(blocks) > 60
    assert {"run", "plan", "verify", "serve", "keys"} <= {call[0] for call in blocks}
    assert ["run", "--profile", "standard"] in in_sentences(ROOT / "README.md")
