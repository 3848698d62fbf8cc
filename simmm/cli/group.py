"""The group of all commands; a command's module is imported when the command is called."""

from importlib import import_module

import click

from simmm import __version__
from simmm.nearest import suggestion

#: Command -> where it is, and its line in the overview (the first line of its own help).
COMMANDS = {
    "backtest": ("simmm.cli.backtest:backtest", "Run a scenario and show its report."),
    "paper": (
        "simmm.cli.paper:paper",
        "Run a strategy on a live feed against the simulated exchange.",
    ),
    "verify": (
        "simmm.cli.verify:verify",
        "Prove a paper session: its journal, fed to the maker again, gives the same intents.",
    ),
    "scenario": ("simmm.cli.scenario:scenario_group", "List, check and show scenarios."),
    "report": ("simmm.cli.report:report", "Show the report of a finished run again."),
    "compare": ("simmm.cli.compare:compare", "Show two runs beside each other, B against A."),
    "study": ("simmm.cli.study:study_group", "Study fills, and estimators and their cost."),
    "golden": (
        "simmm.cli.golden:golden_group",
        "Compare results with the golden reports, and renew them.",
    ),
    "queues": ("simmm.cli.queues:queues", "List the queue models and what each assumes."),
    "tape": ("simmm.cli.tape:tape_group", "Look at, validate and convert tapes."),
    "datasets": ("simmm.cli.datasets:datasets_group", "List, build and verify generated tapes."),
    "fit": ("simmm.cli.fit:fit_group", "Learn what a scenario names from recorded data."),
    "validate": (
        "simmm.cli.validate:validate_group",
        "Score the simulation's fills against what really happened.",
    ),
    "rules": (
        "simmm.cli.rules:rules",
        "Show the rules of a venue's markets: steps, limits, fees, margin tiers, budget.",
    ),
    "init": (
        "simmm.cli.init:init",
        "Make a project of your own: strategy, scenarios, golden reports, tests.",
    ),
    "cache": ("simmm.cli.cache:cache", "Show or prune compiled code and kept tapes."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports them one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the overview."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is called; an unknown one is answered with the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"No command '{args[0]}'{suggestion(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="simmm", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def simmm(debug: bool) -> None:
    """Backtests market makers on level-2 tapes and runs them on paper, deterministically."""
