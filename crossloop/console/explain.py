"""``crossloop explain ID``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.padding import Padding

from crossloop.console import options, words
from crossloop.console.output import Output, columns, say, title

if TYPE_CHECKING:
    from crossloop.coordinator.explain import Story, Undertaking, UndertakingStep

_VERDICT: Final = " Verdict: "
_GATES: Final = re.compile(r"(?<=\.); (?=[a-z_]+: )")
"""Between the reasons of two gates: a reason ends with a full stop and starts with the name of its gate."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def explain(
        identifier: Annotated[
            str,
            typer.Argument(
                metavar="ID", help="A signal, decision, action, approval or case; its beginning is enough."
            ),
        ],
        store: options.Store = options.STORE,
        json: options.Json = False,
    ) -> None:
        """Tell the story of a case, from fact to effect.

        Every step stands in the ledger under the number shown: what was seen, what each department asked
        for and why, what every gate said, who approved, what was done, who was told.
        """
        from crossloop.coordinator.explain import explain as tell

        out = Output(json=json)
        with options.existing_store(store) as opened:
            story = opened.read(lambda read: tell(read, identifier))
        if json:
            out.document(story.model_dump(mode="json"))
            return
        print_story(out.people, story)


def print_story(console: Console, story: Story) -> None:
    """Print a case, step by step: with the number of each entry, in words."""
    console.print(f"[bold]Case {story.case}[/]", soft_wrap=True)
    say(console, "[dim]#: number of the entry in the ledger. As recorded, to the last digit: --json[/]")
    moment = ""
    asked: list[str] = []
    for step in story.steps:
        at = step.at[:19].replace("T", " ")
        time = "" if at == moment else f"  [dim]{at} UTC[/]"
        moment = at
        console.print()
        say(console, f"[cyan]#{step.entry}[/] [bold]{step.kind}[/] {words.plain(step.who)}{time}", hang=4)
        _say_what(console, step.what)
        if step.kind == "decision":
            asked.append(step.what)
        # a notice is of the kind that its text says, and a claim rests on what its decision has just said
        if step.kind != "notice" and not (step.kind == "claim" and any(step.because in one for one in asked)):
            _say_because(console, step.because)
    for one in story.undertakings:
        _say_undertaking(console, one)


def _say_undertaking(console: Console, one: Undertaking) -> None:
    """How far each step has come, which no entry says by itself."""
    console.print()
    title(
        console, f"Undertaking {words.plain(one.name)}", f"of {words.plain(one.department)}, as it stands now"
    )
    table = columns("step", "intervention", "on", "state", "", right=("step",), whole=("step", "state"))
    for step in one.steps:
        where = "" if step.resource is None else words.plain(words.resource(step.resource))
        table.add_row(str(step.step), words.plain(step.intervention), where, step.state, _more(step))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _more(step: UndertakingStep) -> str:
    """What else is to be known of a step."""
    said: list[str] = []
    if step.taken_back is not None and step.state != "compensated":
        said.append(f"being taken back: {step.taken_back}")
    if step.incident is not None:
        said.append(f"somebody has to look: {step.incident}")
    return "; ".join(said)


def _say_what(console: Console, what: str) -> None:
    said, verdict, outcome = words.told(what).rpartition(_VERDICT)
    if not verdict:
        say(console, words.plain(outcome), indent=4)
        return
    say(console, words.plain(said), indent=4)
    name, dissent = re.split(r"\b", outcome, maxsplit=2)[1:]
    say(console, f"verdict: [{words.COLOUR[name]}]{name}[/]{words.plain(dissent)}", indent=4, hang=6)


def _say_because(console: Console, because: str) -> None:
    """The reason, or the reason of each gate on a line of its own."""
    for number, reason in enumerate(_GATES.split(words.told(because)) if because else []):
        first = "because " if number == 0 else ""
        say(console, f"[dim]{first}{words.plain(reason)}[/]", indent=4 if first else 6, hang=8)
