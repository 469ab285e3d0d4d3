from __future__ import annotations

import io
import json as json_module

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from crossloop.console.output import Output, columns, copyable, say
from crossloop.errors import CrossloopError, DataFileError, InputError, Where


def said(markup: str, width: int, indent: int = 0, hang: int | None = None) -> list[str]:
    stream = io.StringIO()
    say(Console(file=stream, width=width, color_system=None), markup, indent=indent, hang=hang)
    return stream.getvalue().splitlines()


def test_prose_is_wrapped_between_words_and_hangs_under_its_first_line() -> None:
    lines = said("one two three four five six seven eight nine ten eleven", 40, indent=2, hang=6)
    assert lines == ["  one two three four five six seven eight", "      nine ten eleven"]


@given(
    st.lists(st.text("abcdefghij", min_size=1, max_size=30), min_size=1, max_size=60),
    st.integers(60, 140),
    st.integers(0, 8),
    st.integers(0, 12),
)
def test_no_word_is_lost_or_cut_and_no_line_is_too_long(
    names: list[str], width: int, indent: int, hang: int
) -> None:
    lines = said(" ".join(names), width, indent, hang)
    assert " ".join(lines).split() == names
    assert all(len(line) <= width for line in lines)
    assert all(line == line.rstrip() for line in lines)


def test_a_command_stays_on_one_line_however_narrow_it_gets() -> None:
    stream = io.StringIO()
    copyable(Console(file=stream, width=40, color_system=None), "crossloop explain " + "x" * 60)
    assert stream.getvalue() == "  crossloop explain " + "x" * 60 + "\n"


def test_a_table_has_no_lines_and_no_margin() -> None:
    stream = io.StringIO()
    table = columns("name", "amount", right=("amount",))
    table.add_row("a", "1")
    Console(file=stream, width=40, color_system=None).print(table)
    assert [line.rstrip() for line in stream.getvalue().splitlines()] == ["name  amount", "a          1"]


@pytest.mark.parametrize("json", [True, False])
def test_an_error_is_one_message_with_place_and_next_step(
    json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    where = Where("orders.csv", 7, "state")
    Output(json=json).error(InputError("is unknown.", where=where, next_step="Look at it."))
    out, err = capsys.readouterr()
    assert err == "error input.invalid  orders.csv:7, field state: is unknown.\n  next: Look at it.\n"
    assert (out == "") is not json


def test_an_error_without_a_next_step_gets_that_of_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=False).error(DataFileError("is odd.", where=Where("orders.csv")))
    assert "next: Export the file again" in capsys.readouterr().err


def test_an_error_that_knows_nothing_better_says_no_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=False).error(CrossloopError("it broke."))
    assert capsys.readouterr().err == "error crossloop.error  it broke.\n"


def test_text_is_printed_as_it_is_and_does_nothing_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = Output(json=False)
    text = "a:b:c :warning: \x1b[31mred\x9b0m\u202edrow"
    table = columns("name")
    table.add_row(text.replace("[", "\\["))
    out.people.print(table)
    out.people.print(text, soft_wrap=True)
    say(out.people, text)
    copyable(out.people, text)
    out.problem("code", text, text)
    said = capsys.readouterr()
    assert (said.out + said.err).count(r"a:b:c :warning: \x1b[31mred\x9b0m\u202edrow") == 6
    assert not any(one in said.out + said.err for one in ("\x1b", "\x9b", "\u202e"))


def test_a_document_says_the_same_with_control_characters_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"text": "ü :b: \x1b[31m \x7f \x9b \u202e \t \n"}
    Output(json=True).document(document)
    out = capsys.readouterr().out
    assert json_module.loads(out) == document
    assert "ü :b: " in out
    assert not any(one in out for one in ("\x1b", "\x7f", "\x9b", "\u202e", "\t"))


def test_styles_are_still_styles(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    Output(json=False).people.print("[bold]x[/]")
    assert capsys.readouterr().out == "\x1b[1mx\x1b[0m\n"
