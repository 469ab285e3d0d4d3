"""``crossloop ledger export|redact``: entries that leave the store, and what has to leave an entry."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import typer
from rich.markup import escape

from crossloop.console import options, words
from crossloop.console.ledger_proofs import Out, require_new, unwritable, whole
from crossloop.console.output import Output, say
from crossloop.errors import InputError, MissingExtra, Where
from crossloop.printable import first_control

if TYPE_CHECKING:
    from crossloop.store import Entry, Read, Tx
    from crossloop.store.ledger.records import Record

Chunks = Iterable[list["Record"]]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("export")(export)
    app.command("redact")(redact_)


def export(
    format: Annotated[
        Literal["jsonl", "parquet"],
        typer.Option("--format", help="JSON Lines, or Parquet (needs the 'loops' extra)."),
    ] = "jsonl",
    out: Out = None,
    first: Annotated[
        int | None, typer.Option("--from", metavar="N", min=0, help="The first entry; 0 without it.")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--to", metavar="N", min=0, help="The last entry; the newest without it.")
    ] = None,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Write entries with all that is needed to make their leaves and, from a whole export, the root again."""
    from crossloop.store.ledger.export import exported

    told = Output(json=json)
    _check_target(format, out, json)

    def work(read: Read) -> dict[str, Any]:
        head = read.head()
        start, stop = _range(first, last, head.size)
        with _counting(told, "exporting", stop - start) as done, _target(out) as file:
            chunks = _counted(exported(read, start, stop), done)
            (_write_parquet if format == "parquet" else _write_lines)(file, chunks)
        return {"from": start, "to": stop - 1, "entries": stop - start, "size": head.size, "root": head.root}

    with options.existing_store(store) as opened:
        found = opened.read(work)
    if json:
        told.document({"out": str(out), "format": format, **found})
        return
    count = words.counted(found["entries"], "entry", "entries")
    say(told.aside, f"{count} exported; the ledger has {found['size']} and this root:", hang=2)
    told.aside.print(f"  {found['root']}", soft_wrap=True)


def _check_target(format: str, out: Path | None, json: bool) -> None:
    if format == "parquet" and find_spec("pyarrow") is None:
        raise MissingExtra("writing Parquet", "loops", "pyarrow")
    require_new(out)
    if out is None and (json or format == "parquet"):
        raise InputError(
            "the export itself would stand on stdout." if json else "Parquet is not for a terminal.",
            where=Where(field="--out"),
            next_step="Name a file with --out FILE.",
        )


def _range(first: int | None, last: int | None, size: int) -> tuple[int, int]:
    start = 0 if first is None else first
    stop = size if last is None else last + 1
    if stop > size or (start >= stop and (first is not None or last is not None)):
        raise InputError(
            f"expected entries among 0 to {size - 1}, got {start} to {stop - 1}.",
            where=Where(field="--to" if stop > size else "--from"),
            next_step="Leave --from and --to out to export all.",
        )
    return start, stop


def _counted(chunks: Chunks, done: Callable[[int], None]) -> Iterator[list[Record]]:
    for chunk in chunks:
        yield chunk
        done(len(chunk))


def _write_lines(file: BinaryIO, chunks: Chunks) -> None:
    import orjson

    file.writelines(orjson.dumps(one.document()) + b"\n" for chunk in chunks for one in chunk)


def _write_parquet(file: BinaryIO, chunks: Chunks) -> None:
    # pyarrow has no type stubs; the schema below is what is written.
    import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
    from pyarrow import parquet  # pyright: ignore[reportMissingTypeStubs]

    arrow: Any = pa
    schema = arrow.schema(
        [
            ("position", arrow.int64()),
            ("kind", arrow.string()),
            ("case", arrow.string()),
            ("at", arrow.timestamp("us", tz="UTC")),
            ("body_hash", arrow.binary()),
            ("leaf", arrow.binary()),
            ("salt", arrow.binary()),
            ("body", arrow.string()),
        ]
    )
    writing: Any = parquet
    with writing.ParquetWriter(file, schema) as writer:
        for chunk in chunks:
            rows = {name: [getattr(one, name) for one in chunk] for name in schema.names}
            writer.write_table(arrow.table(rows, schema=schema))


@contextmanager
def _target(out: Path | None) -> Generator[BinaryIO]:
    """A file that takes its name once it is complete; stdout without a name."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    beside = out.with_name(out.name + ".part")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(out)
    except OSError as error:
        raise unwritable(out, error) from error
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _counting(told: Output, what: str, total: int) -> Generator[Callable[[int], None]]:
    """Show how far a long work has come, on a terminal."""
    if not told.aside.is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=told.aside, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


def redact_(
    entry: Annotated[int, typer.Argument(metavar="ENTRY", min=0, help="Its position; see `ledger tail`.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded and stays.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Delete what an entry recorded, for good, and record that. Every proof stays valid.

    A ledger that does not verify is left as it is.
    """
    from crossloop.store.ledger.redaction import obstacle, redact

    told = Output(json=json)
    if not reason.strip():
        raise InputError("a redaction needs a reason.", where=Where(field="--reason"), next_step="Say why.")
    odd = first_control(reason)
    if odd is not None:
        raise InputError(
            f"a reason is text without control characters, got {odd}.",
            where=Where(field="--reason"),
            next_step="Say it in words.",
        )
    with options.existing_store(store) as opened:
        one, refused = opened.read(lambda read: (read.entry(entry), obstacle(read, entry)))
        if refused:
            raise _in_use(refused)
        if one.body is not None and not yes:
            _ask(told, one)

        def work(tx: Tx) -> int | None:
            refused = obstacle(tx, entry)  # while the person was asked, somebody may have begun with it
            if refused:
                raise _in_use(refused)
            whole(tx, "nothing was redacted")
            redacted = redact(tx, entry, reason, identity=f"asserted by OS user {getpass.getuser()}")
            return tx.head().size - 1 if redacted else None

        record = opened.write(work)
    if json:
        told.document({"entry": entry, "redacted": record is not None, "record": record})
    elif record is None:
        say(told.people, f"entry {entry} was redacted before; nothing was changed", hang=2)
    else:
        say(told.people, f"entry {entry} is redacted; entry {record} says so, and why", hang=2)


def _ask(told: Output, one: Entry) -> None:
    if not sys.stdin.isatty():
        raise InputError(
            "nobody can be asked whether to delete it.",
            where=Where(field="--yes"),
            next_step="Run it in a terminal, or add --yes.",
        )
    from crossloop.canonical import canonical_json

    said = canonical_json(one.body).decode()
    say(told.aside, f"entry {one.position}, {one.kind}, {one.at:%Y-%m-%d %H:%M:%S} UTC:", hang=2)
    say(told.aside, escape(said), indent=2)
    typer.confirm("Delete this for good?", abort=True, err=True)


def _in_use(why: str) -> InputError:
    return InputError(
        f"{why}.", where=Where(field="ENTRY"), next_step="Redact it when that is over; nothing was changed."
    )
