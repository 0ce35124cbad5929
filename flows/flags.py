"""The commands of flows/main.py and the flags of each. Not here: what they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Group, Parameter, Token, UnknownOptionError, UnusedCliTokensError
from cyclopts.validators import Number

ROOT = Path(__file__).resolve().parents[1]
MAIN = "python flows/main.py"
SMALLEST, LARGEST = 0.3, 1000
"""Of the demo company: one that is smaller has too few invoices for its own checks."""


class FlagsError(Exception):
    """What was typed can't be understood; the message is for the one who typed it."""


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What was asked for on the command line. Each command sets its own; the others keep their defaults."""

    action: str
    tickets: list[str] | None = None
    select: list[str] | None = None
    quiet: bool = False
    json: bool = False
    to: str | None = None
    marts: list[str] | None = None
    upgrade: bool = False
    apply: bool = False
    file: Path | None = None
    ticket: str | None = None
    schema: bool = False
    cost: bool = False
    source: list[str] = field(default_factory=list)
    only_sources: list[str] | None = None
    full_refresh: bool = False
    full_build: bool = False
    backfill: tuple[date | None, date | None] = (None, None)
    scale: float = 1.0
    project: Path | None = None
    suites: Path | None = None
    tickets_folder: Path | None = None
    state: Path = ROOT / ".local"
    tracker: str | None = None
    warehouse: str | None = None
    site: str | None = None
    notifier: str | None = None
    loader: list[str] = field(default_factory=list)
    shell: Literal["bash", "zsh", "fish"] = "bash"
    vars: dict[str, object] = field(default_factory=dict)
    target: str | None = None
    column: list[str] = field(default_factory=list)
    ref: str | None = None
    output: Path | None = None
    mart: str = ""
    to_file: Path = Path()
    overwrite: bool = False
    ticket_projects: list[str] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 8787

    @property
    def state_folder(self) -> Path:
        """The folder of `state`, from the root of the disk."""
        return self.state.expanduser().resolve()


def _split_names(_: type, tokens: Sequence[Token]) -> list[str]:
    """Names with commas between them. Raises ValueError, which cyclopts shows, for none."""
    names = [name.strip() for token in tokens for name in token.value.split(",") if name.strip()]
    if not names:
        raise ValueError("it names nothing")
    return names


def _read_days(_: type, tokens: Sequence[Token]) -> tuple[date, date | None]:
    """FROM:TO as days. Raises ValueError, which cyclopts shows."""
    text = tokens[0].value
    first, separator, last = text.partition(":")
    try:
        days = date.fromisoformat(first), date.fromisoformat(last) if last else None
    except ValueError:
        separator = ""
    if not separator:
        raise ValueError(f"{text} is not FROM:TO, as in 2026-01-01:2026-01-31")
    if days[0] > (days[1] or datetime.now(UTC).date()):
        raise ValueError(f"{text} ends before it starts")
    if not all(1900 <= day.year <= 2200 for day in days if day):
        raise ValueError(f"{text} is not between the years 1900 and 2200")
    return days


def _read_variables(_: type, tokens: Sequence[Token]) -> dict[str, object]:
    """YAML or JSON of names and values. Raises ValueError, which cyclopts shows."""
    import yaml

    try:
        found = yaml.safe_load(tokens[0].value)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise ValueError(f"{tokens[0].value} is not names and values, as in '{{country: DE}}'")
    return found


def _read_scale(_: type, tokens: Sequence[Token]) -> float:
    """A size of the demo company. Raises ValueError, which cyclopts shows."""
    text = tokens[0].value
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not SMALLEST <= scale <= LARGEST:
        raise ValueError(f"{text} is not a number from {SMALLEST} to {LARGEST}")
    return scale


WHAT = Group("What to do", sort_key=1)
WORK = Group("The dbt project, its suites and tickets", sort_key=2)
SYSTEMS = Group("Where", sort_key=3)


def _flag(
    about: str,
    group: Group = WHAT,
    metavar: str | None = None,
    converter: Callable[[type, Sequence[Token]], object] | None = None,
    n_tokens: int | None = None,
) -> Parameter:
    """A flag with its help; lists are split at commas by their converter, never fed by several words."""
    return Parameter(
        help=about,
        group=group,
        metavar=metavar,
        converter=converter,
        negative=(),
        consume_multiple=False,
        show_default=False,
        n_tokens=n_tokens,
    )


Names = _split_names
Quiet = Annotated[bool, _flag("only problems and the result")]
Json = Annotated[bool, _flag("print JSON, and nothing else, on standard output")]
Apply = Annotated[bool, _flag("carry it out")]
Warehouse = Annotated[
    str | None, _flag("a saved warehouse block instead of the local one", SYSTEMS, "TYPE/NAME")
]
Tracker = Annotated[str | None, _flag("a saved tracker block instead of the local one", SYSTEMS, "TYPE/NAME")]
Site = Annotated[str | None, _flag("a saved site block instead of the local one", SYSTEMS, "TYPE/NAME")]
Notifier = Annotated[
    str | None, _flag("a saved notifier block instead of a folder of messages", SYSTEMS, "TYPE/NAME")
]
Loader = Annotated[
    list[str],
    _flag("a saved loader block beside the local dlt one; may be repeated", SYSTEMS, "TYPE/NAME"),
]
Source = Annotated[
    list[str],
    _flag(
        "where a dbt source is: a folder, a database URL, an API's address; may be repeated",
        WORK,
        "NAME=LOCATION",
    ),
]
Suites = Annotated[
    Path | None, _flag("expectation suites (default: expectations in the project or beside it)", WORK, "DIR")
]
Project = Annotated[Path | None, _flag("a dbt project's folder (default: dbt, with demo data)", WORK, "DIR")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run's files are kept."""

    state: Annotated[
        Path, _flag("where warehouse, site, tickets and logs are kept (default: .local)", SYSTEMS, "DIR")
    ] = ROOT / ".local"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Work:
    """Which dbt project, suites and tickets."""

    project: Project = None
    suites: Suites = None
    tickets_folder: Annotated[
        Path | None,
        _flag(
            "ticket files (default: tickets in the project or beside it; of the demo, copies)", WORK, "DIR"
        ),
    ] = None
    vars: Annotated[
        dict[str, object] | None,
        _flag("dbt's variables, as in '{country: DE}'", WORK, "YAML", converter=_read_variables, n_tokens=1),
    ] = None
    target: Annotated[
        str | None,
        _flag(
            "dbt's target.name, and the output of the project's own profiles.yml whose settings count"
            " (default: release)",
            WORK,
            "NAME",
        ),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What a run delivers; the plan takes the same, so that one word shows what a run would do."""

    tickets: Annotated[
        list[str] | None,
        _flag(
            "only these tickets, as in AN-1,AN-3 (default: all open ones, and schedules)",
            metavar="KEYS",
            converter=Names,
        ),
    ] = None
    select: Annotated[
        list[str] | None,
        _flag("only these dashboards, as in revenue_trend", metavar="NAMES", converter=Names),
    ] = None
    only_sources: Annotated[
        list[str] | None,
        _flag("load these sources and no others, as in crm,erp", metavar="NAMES", converter=Names),
    ] = None
    full_refresh: Annotated[bool, _flag("load sources again from their beginning")] = False
    full_build: Annotated[bool, _flag("build every model, also those that have not changed")] = False
    backfill: Annotated[
        tuple[date, date | None] | None,
        _flag(
            "load these days again, both included, as in 2026-01-01:2026-01-31 (no TO: up to today)",
            metavar="FROM:TO",
            converter=_read_days,
            n_tokens=1,
        ),
    ] = None
    scale: Annotated[
        float,
        _flag(
            f"size of the demo company, {SMALLEST} to {LARGEST}; 1 is 60,000 invoice lines (default: 1)",
            WORK,
            converter=_read_scale,
        ),
    ] = 1.0
    notifier: Notifier = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Systems:
    """Saved blocks in place of the local twins."""

    tracker: Tracker = None
    warehouse: Warehouse = None
    site: Site = None
    loader: Loader = field(default_factory=list)


def _make(action: str, *groups: Work | Place | Systems, **flags: object) -> Flags:
    """The flags of a command, those of its groups among them."""
    grouped = {one.name: getattr(group, one.name) for group in groups for one in fields(group)}
    if "vars" in grouped:
        grouped["vars"] = grouped["vars"] or {}
    return Flags(action=action, **{**grouped, **flags})


def _find_version() -> str:
    """The version in pyproject.toml; the project is run from its folder, not installed."""
    try:
        return version("ticket-to-dashboard")
    except PackageNotFoundError:
        import tomllib

        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        return str(tomllib.loads(text)["project"]["version"])


app = App(
    name=MAIN,
    help="From tickets to dashboards: read requirements, load, build, check, publish, answer.",
    help_epilogue=f"Without a command it runs. `{MAIN} COMMAND --help` says more.",
    help_format="plaintext",
    version=_find_version,
    result_action="return_value",
    group_commands=Group("Commands", sort_key=0),
)
app["--help"].help, app["--version"].help = "Show this.", "Show the version."


@app.default
@app.command(sort_key=1)
def run(
    *,
    dry_run: Annotated[bool, _flag("the former name of the command plan")] = False,
    quiet: Quiet = False,
    json: Json = False,
    source: Source = [],  # noqa: B006  # cyclopts copies it
    delivered: Delivered = Delivered(),
    work: Work = Work(),
    systems: Systems = Systems(),
    place: Place = Place(),
) -> Flags:
    """Deliver what open tickets and schedules ask for. The default."""
    return _deliver("plan" if dry_run else "run", delivered, work, systems, place, source, quiet, json)


@app.command(sort_key=2)
def plan(
    *,
    json: Json = False,
    source: Source = [],  # noqa: B006
    delivered: Delivered = Delivered(),
    work: Work = Work(),
    systems: Systems = Systems(),
    place: Place = Place(),
) -> Flags:
    """Print what a run with these flags would do: tickets, sources, models, suites, dashboards. Touches nothing."""
    return _deliver("plan", delivered, work, systems, place, source, False, json)


def _deliver(
    action: str,
    delivered: Delivered,
    work: Work,
    systems: Systems,
    place: Place,
    source: list[str],
    quiet: bool,
    json: bool,
) -> Flags:
    if delivered.full_refresh and delivered.backfill:
        raise FlagsError("--full-refresh and --backfill are not allowed with each other: choose one")
    flags = {**vars(delivered), "backfill": delivered.backfill or (None, None)}
    return _make(action, work, systems, place, source=source, quiet=quiet, json=json, **flags)


@app.command(sort_key=3)
def status(
    *,
    cost: Annotated[bool, _flag("what the last 30 days cost in the warehouse, by ticket")] = False,
    json: Json = False,
    warehouse: Warehouse = None,
    place: Place = Place(),
) -> Flags:
    """Show what readers see, the last runs, what was loaded."""
    return _make("status", place, cost=cost, json=json, warehouse=warehouse)


@app.command(name="open", sort_key=4)
def open_(
    *,
    place: Place = Place(),
) -> Flags:
    """Open the dashboards' index in a browser."""
    return _make("open", place)


@app.command(sort_key=4.5)
def export(
    mart: Annotated[str, Parameter(help="the mart's name, as readers know it", group=WHAT)],
    *,
    to: Annotated[
        Path, _flag("the file, by its ending a workbook, CSV or Parquet", metavar="FILE.xlsx|.csv|.parquet")
    ],
    overwrite: Annotated[bool, _flag("write in the place of a file that is there")] = False,
    json: Json = False,
    project: Project = None,
    warehouse: Warehouse = None,
    place: Place = Place(),
) -> Flags:
    """Write a mart, as readers see it, into a file for Excel or another program."""
    given = {"mart": mart, "to_file": to, "overwrite": overwrite, "json": json}
    return _make("export", place, project=project, warehouse=warehouse, **given)


@app.command(sort_key=5)
def rollback(
    *,
    to: Annotated[
        str | None, _flag("this run's release (default: what readers saw before)", metavar="RUN")
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
    work: Work = Work(),
    systems: Systems = Systems(),
    place: Place = Place(),
) -> Flags:
    """Put readers back to an earlier release; site and tickets are told."""
    return _make("rollback", work, systems, place, to=to, quiet=quiet, json=json)


@app.command(sort_key=6)
def retire(
    *,
    marts: Annotated[
        list[str], _flag("these marts, as in old_sales,old_stock", metavar="NAMES", converter=Names)
    ],
    warehouse: Warehouse = None,
    place: Place = Place(),
) -> Flags:
    """Take marts that the project has no more from readers."""
    return _make("retire", place, marts=marts, warehouse=warehouse)


@app.command(sort_key=7)
def check(
    *,
    json: Json = False,
    schema: Annotated[bool, _flag("print the JSON Schema of what may stand in dbt's meta")] = False,
    column: Annotated[
        list[str],
        _flag(
            "what depends on this column of a source, instead of what there is to mend; may be repeated",
            metavar="SOURCE.TABLE.COLUMN",
        ),
    ] = [],  # noqa: B006
    source: Source = [],  # noqa: B006
    work: Work = Work(),
    systems: Systems = Systems(),
    place: Place = Place(),
) -> Flags:
    """Say what there is to mend in the dbt project, before anything is built."""
    return _make("check", work, systems, place, json=json, schema=schema, column=column, source=source)


@app.command(sort_key=8)
def preview(
    *,
    ref: Annotated[
        str, _flag("a branch, tag or commit of the project's git repository", metavar="REF")
    ] = "HEAD",
    output: Annotated[
        Path | None, _flag("write the report into this file instead of printing it", metavar="FILE")
    ] = None,
    json: Json = False,
    work: Work = Work(),
    warehouse: Warehouse = None,
    place: Place = Place(),
) -> Flags:
    """Say what a change of the dbt project would do to readers: built apart, compared, dropped."""
    return _make("preview", work, place, ref=ref, output=output, json=json, warehouse=warehouse)


@app.command(sort_key=9)
def init(
    *,
    ticket: Annotated[
        str | None, _flag("the ticket that asks for the first dashboard, as in AN-1", metavar="KEY")
    ] = None,
    marts: Annotated[
        list[str] | None,
        _flag(
            "only these models, as in sales,stock (default: the first twelve that no dashboard shows)",
            metavar="NAMES",
            converter=Names,
        ),
    ] = None,
    apply: Annotated[bool, _flag("write what is proposed")] = False,
    source: Source = [],  # noqa: B006
    work: Work = Work(),
    warehouse: Warehouse = None,
    place: Place = Place(),
) -> Flags:
    """Propose what a folder of files, a database or a dbt project lacks for a first dashboard."""
    own = {"ticket": ticket, "marts": marts, "apply": apply, "source": source, "warehouse": warehouse}
    return _make("init", work, place, **own)


@app.command(sort_key=10)
def suites(
    *,
    upgrade: Annotated[bool, _flag("how those of versions before 1.0 read in today's form")] = False,
    apply: Annotated[bool, _flag("with --upgrade: write them")] = False,
    project: Project = None,
    suites: Suites = None,
    place: Place = Place(),
) -> Flags:
    """Say what in the expectation suites can't be evaluated."""
    if apply and not upgrade:
        raise FlagsError("--apply writes what --upgrade shows: add --upgrade")
    return _make("suites", place, upgrade=upgrade, apply=apply, project=project, suites=suites)


@app.command(sort_key=11)
def setup(
    *, apply: Apply = False, project: Project = None, warehouse: Warehouse = None, place: Place = Place()
) -> Flags:
    """Print what the warehouse and the dbt project need once, for their administrator."""
    return _make("setup", place, apply=apply, project=project, warehouse=warehouse)


@app.command(sort_key=12)
def blocks(
    *,
    apply: Annotated[bool, _flag("create or update them on the server")] = False,
    file: Annotated[
        Path | None, _flag("where they are declared (default: deploy/blocks.yaml)", metavar="FILE")
    ] = None,
    place: Place = Place(),
) -> Flags:
    """Connect to every system that is declared as a block, or save the blocks."""
    return _make("blocks", place, apply=apply, file=file)


@app.command(sort_key=13)
def automations(
    *,
    apply: Annotated[bool, _flag("create or update them on the server")] = False,
    file: Annotated[
        Path | None, _flag("where they are declared (default: deploy/automations.yaml)", metavar="FILE")
    ] = None,
    place: Place = Place(),
) -> Flags:
    """Compare the declared automations with the server's, or save them."""
    return _make("automations", place, apply=apply, file=file)


@app.command(sort_key=14)
def receive(
    *,
    ticket_projects: Annotated[
        list[str],
        _flag("the projects whose tickets are taken, as in AN,BK", metavar="KEYS", converter=Names),
    ],
    host: Annotated[
        str, _flag("the address to listen on (default: 127.0.0.1)", SYSTEMS, "ADDRESS")
    ] = "127.0.0.1",
    port: Annotated[
        int, Parameter(validator=Number(gte=1, lte=65535)), _flag("the port (default: 8787)", SYSTEMS, "PORT")
    ] = 8787,
) -> Flags:
    """Take a tracker's word that a ticket is ready, by a secret of its own, and send Prefect the event."""
    return _make("receive", ticket_projects=ticket_projects, host=host, port=port)


@app.command(sort_key=15)
def completion(
    *,
    shell: Annotated[
        Literal["bash", "zsh", "fish"], _flag("the shell; for its start-up file: docs/commands.md")
    ] = "bash",
) -> Flags:
    """Print what makes a shell complete commands and flags of flows/main.py."""
    return _make("completion", shell=shell)


def read_flags(arguments: Sequence[str]) -> Flags | None:
    """The command and its flags; None where cyclopts answered by itself (--help, --version, completion).

    Raises FlagsError with what to type instead.
    """
    words = _put_command_first(list(arguments))
    try:
        found = app(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise FlagsError(_explain(words, error)) from None
    if not isinstance(found, Flags):
        return None
    for flag in fields(found):
        if isinstance(path := getattr(found, flag.name), Path):
            _check_path(flag.name, path)
    return found


def _check_path(name: str, path: Path) -> None:
    """Raise FlagsError for a path that nobody can follow: a circle of links, a home of nobody, a closed folder."""
    try:
        path.expanduser().resolve().exists()
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except RuntimeError as error:  # pathlib's word for the first two
        reason = str(error).rstrip(".")
    else:
        return
    raise FlagsError(
        f"--{name.removesuffix('_file').replace('_', '-')} {path}: {reason}. Name a path that can be followed."
    )


def list_commands() -> dict[str, App]:
    """Every command by its name, those that begin with -- left out."""
    return {name: app[name] for name in app if not name.startswith("-")}


def list_flags(command: str) -> dict[str, bool]:
    """The flags of a command, and whether each takes a value."""
    arguments = list_commands()[command].assemble_argument_collection()
    return {
        name: argument.token_count()[0] > 0
        for argument in arguments
        for name in argument.names
        if name.startswith("-")  # a group of flags has a name too
    }


def _put_command_first(words: list[str]) -> list[str]:
    """Flags may stand before the command, as in `--state here status`."""
    commands = list_commands()
    if not words or words[0] in commands:
        return words
    takes = {name for command in commands for name, value in list_flags(command).items() if value}
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in takes else 1
    if at < len(words) and words[at] in commands:
        return [words[at], *words[:at], *words[at + 1 :]]
    return words


def _explain(words: list[str], error: CycloptsError) -> str:
    """What was wrong, the likeliest word, and where help is."""
    commands = list_commands()
    command = words[0] if words and words[0] in commands else "run"
    shown = MAIN if command == "run" else f"{MAIN} {command}"
    message = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, UnknownOptionError):
        name = error.token.keyword or error.token.value
        if owners := [each for each in commands if name in list_flags(each)]:
            near = get_close_matches(name, list_flags(command), 1, 0.8)
            meant = f"; did you mean {near[0]}?" if near else ""
            message = f"{command} takes no {name}: it belongs to {', '.join(owners)}{meant}"
    elif isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        stray = error.unused_tokens[0]
        if words[0] == stray:
            near = get_close_matches(stray, commands, 1, 0.5)
            hint = f"Did you mean {near[0]}?" if near else f"Commands: {', '.join(commands)}."
            return f"there is no command {stray}. {hint}"
        message = f"{command} does not know what to do with {stray}"
    return f"{message}{'' if message.endswith('?') else '.'} All flags: {shown} --help"


def write_completion(shell: Literal["bash", "zsh", "fish"]) -> str:
    """What makes the shell complete `flows/main.py` (the program's name is main.py, which cyclopts does not take)."""
    script = app.generate_completion(prog_name="main", shell=shell)
    mine, theirs = {
        "bash": ("complete -F _main main", "complete -F _main main.py"),
        "zsh": ("#compdef main", "#compdef main.py"),
        "fish": ("complete -c main ", "complete -c main.py "),
    }[shell]
    return script.replace(mine, theirs)
