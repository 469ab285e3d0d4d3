"""Bad input: exit 2, one clear message with the place and the next step, and nothing written."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support import books, orders
from tests.support.console import DEMO, LOOP, ROOT, Done, crossloop, warm
from tests.support.orders import Place
from tests.support.run_shape import check_error

CANONICAL = "shipment_id,ordered_on,country,state,pin_code,outcome\n"
LINE = "S1,2025-04-30,IN,KARNATAKA,560001,delivered\n"
TROUBLE = Place("RAJASTHAN", "302001", 8, lambda day: 4)


@dataclass(frozen=True)
class Bad:
    """One mistake."""

    name: str
    command: str
    """Arguments, separated by blanks."""

    says: tuple[str, ...]
    """Pieces of text that the message must hold: the place, and what is wrong there."""

    prepare: Callable[[Path], object] = lambda folder: None
    """Puts the files there that the mistake needs."""

    def __str__(self) -> str:
        return self.name


def text(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content, encoding="utf-8")


def data(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def rules(old: str, new: str) -> Callable[[Path], object]:
    """The demonstration rules with a piece of text replaced."""
    before = DEMO.read_text(encoding="utf-8")
    assert old in before
    return text("rules.yaml", before.replace(old, new, 1))


def mapping(old: str, new: str) -> Callable[[Path], object]:
    """A shop's export with a mapping in which a piece of text is replaced."""

    def write(folder: Path) -> None:
        orders.write_company(folder, days=20)
        assert old in orders.MAPPING
        (folder / "mapping.yaml").write_text(orders.MAPPING.replace(old, new, 1), encoding="utf-8")

    return write


def shop(folder: Path) -> None:
    orders.write_company(folder, TROUBLE, days=20)


def attempts_of_long_ago(folder: Path) -> None:
    """Seven months of orders of which only the first month knows delivery attempts."""
    lines = [f"{CANONICAL.strip()},attempts,failed_attempts,first_attempt_on\n"]
    for day in range(212):
        ordered = date(2025, 1, 1) + timedelta(days=day)
        attempted = f"1,0,{ordered + timedelta(days=2)}" if day < 31 else ",,"
        lines += [
            f"S{day}-{number},{ordered},IN,KARNATAKA,560001,delivered,{attempted}\n" for number in range(5)
        ]
    (folder / "ndr.csv").write_text("".join(lines), encoding="utf-8")


def closed(folder: Path) -> None:
    """A shop, and rules that leave the margin to nobody."""
    shop(folder)
    rules("      margin: [0.10, 0.80]\n", "")(folder)


def other_database(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "other.db")) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
        connection.commit()


GOOD = CANONICAL + LINE
RUN = f"run {LOOP}"
SHOP = f"{RUN} --data orders.csv --mapping mapping.yaml"

DATA = [
    Bad("no such file", f"{RUN} --data x.csv", ("x.csv", "no such file")),
    Bad("a folder", f"{RUN} --data x", ("x", "not a file"), lambda folder: (folder / "x").mkdir()),
    Bad("an unknown kind of file", f"{RUN} --data x.xlsx", ("x.xlsx", ".csv"), text("x.xlsx", GOOD)),
    Bad("an empty file", f"{RUN} --data x.csv", ("x.csv", "empty"), text("x.csv", "")),
    Bad("an empty Parquet file", f"{RUN} --data x.parquet", ("x.parquet", "empty"), data("x.parquet", b"")),
    Bad("a header only", f"{RUN} --data x.csv", ("x.csv", "no line below"), text("x.csv", CANONICAL)),
    Bad(
        "a missing column",
        f"{RUN} --data x.csv",
        ("x.csv:1", "field pin_code", "no column 'pin_code'"),
        text("x.csv", GOOD.replace("pin_code", "pincode")),
    ),
    Bad(
        "a wrong date format",
        f"{RUN} --data x.csv",
        ("x.csv:2", "ordered_on", "30/04/2025"),
        text("x.csv", GOOD.replace("2025-04-30", "30/04/2025")),
    ),
    Bad(
        "an unknown status",
        f"{RUN} --data x.csv",
        ("x.csv:3", "outcome", "teleported"),
        text("x.csv", GOOD + LINE.replace("delivered", "teleported").replace("S1", "S2")),
    ),
    Bad(
        "a truncated gzip",
        f"{RUN} --data x.csv.gz",
        ("x.csv.gz", "cut off"),
        data("x.csv.gz", gzip.compress((CANONICAL + LINE * 500).encode(), mtime=0)[:-20]),
    ),
    Bad(
        "a file that only has the name of a gzip",
        f"{RUN} --data x.csv.gz",
        ("x.csv.gz", "not compressed"),
        text("x.csv.gz", GOOD),
    ),
    Bad(
        "a file that only has the name of a Parquet file",
        f"{RUN} --data x.parquet",
        ("x.parquet", "not a Parquet file"),
        text("x.parquet", GOOD),
    ),
    Bad("a day before all data", f"{SHOP} --as-of 1999-01-01", ("orders.csv", "later than as_of"), shop),
    Bad("a day before all embedded data", f"{RUN} --as-of 1999-01-01", ("later than as_of",)),
    Bad(
        "a day on which every order is too old",
        f"{SHOP} --as-of 2052-01-01",
        ("--as-of", "2052-01-01", "2025-01-20", "10 and 100 days old"),
        shop,
    ),
    Bad("the same for embedded data", f"{RUN} --as-of 2062-05-10", ("--as-of", "2062-05-10", "2026-")),
    Bad("campaigns that are not there", f"{RUN} --data campaigns=c.csv", ("c.csv", "no such file")),
    Bad("two primary inputs", f"{RUN} --data orders.csv --data mapping.yaml", ("--data", "two"), shop),
    Bad("an unknown input", f"{SHOP} --data prices=orders.csv", ("prices", "campaigns"), shop),
    Bad(
        "campaigns without a needed column",
        f"{SHOP} --data campaigns=c.csv",
        ("c.csv", "daily_budget"),
        lambda folder: (shop(folder), text("c.csv", "campaign,name\nC1,One\n")(folder)),
    ),
]
MAPPINGS = [
    Bad("no such mapping", f"{SHOP}x", ("mapping.yamlx", "no such file"), shop),
    Bad("a mapping without data", f"{RUN} --mapping mapping.yaml", ("--mapping", "--data"), shop),
    Bad(
        "a mapping that is not YAML",
        SHOP,
        ("mapping.yaml:", "YAML"),
        mapping("  shipment_id: Order No", "  shipment_id: [Order No"),
    ),
    Bad("a mapping of an unknown field", SHOP, ("mapping.yaml", "weight"), mapping("state: S", "weight: S")),
    Bad("a mapping of a missing column", SHOP, ("orders.csv:1", "Placed on"), mapping("Placed", "Placed on")),
    Bad("a mapping without the country", SHOP, ("mapping.yaml", "country"), mapping("  country: IN\n", "")),
    Bad("a format that does not fit", SHOP, ("orders.csv:2", "01/01/2025"), mapping("%d/%m/%Y", "%Y-%m-%d")),
]  # fmt: skip
RULES = [
    Bad("no such rules", f"{RUN} --governance rules.yaml", ("rules.yaml", "no such file")),
    Bad(
        "an unknown person",
        f"{RUN} --governance rules.yaml",
        ("rules.yaml:", "mira"),
        rules("from: {all: [asha, ravi]}", "from: {all: [asha, mira]}"),
    ),
    Bad(
        "a duplicate key",
        f"{RUN} --governance rules.yaml",
        ("rules.yaml:", "company", "twice"),
        rules("company: Acme D2C", "company: Acme D2C\ncompany: Acme"),
    ),
    Bad(
        "an unknown key",
        f"{RUN} --governance rules.yaml",
        ("rules.yaml:", "companies"),
        rules("company: Acme D2C", "company: Acme D2C\ncompanies: 2"),
    ),
    Bad(
        "a wrong type",
        f"{RUN} --governance rules.yaml",
        ("rules.yaml:", "within"),
        rules("within: 4h", "within: soon"),
    ),
    Bad(
        "a rule that does not parse",
        f"{RUN} --governance rules.yaml",
        ("rules.yaml:", "daily_budget_share"),
        rules("daily_budget_share > 0.15", "daily_budget_share >"),
    ),
    Bad("rules that are not YAML", f"{RUN} --governance r.yaml", ("r.yaml:",), text("r.yaml", "a: [")),
]  # fmt: skip
ARGUMENTS = [
    Bad("an unknown loop", "run no-such-loop", ("no-such-loop", LOOP)),
    Bad("an unknown loop to backtest", "backtest no-such-loop", ("no-such-loop", LOOP)),
    Bad("an unknown setting", f"{SHOP} --set treshold=0.1", ("treshold", "threshold"), shop),
    Bad("a setting out of range", f"{SHOP} --set threshold=25", ("threshold", "25"), shop),
    Bad("a setting that is no number", f"{SHOP} --set min_orders=many", ("min_orders", "many"), shop),
    Bad("a setting of marketing out of range", f"{SHOP} --set margin=7", ("margin", "7"), shop),
    Bad("a setting that is not plainly written", f"{SHOP} --set threshold=1e-400", ("1e-400",), shop),
    Bad(
        "a setting outside what the rules leave open",
        f"{SHOP} --governance {DEMO} --set threshold=0.6",
        ("demo.yaml:", "adjustable.threshold", "0.08 to 0.35", "0.6"),
        shop,
    ),
    Bad(
        "a setting that the rules leave nobody",
        f"{SHOP} --governance rules.yaml --set margin=0.4",
        ("rules.yaml:", "adjustable.margin", "may not be chosen at all", "0.4"),
        closed,
    ),
    Bad(
        "adjustable settings that no loop has",
        f"{RUN} --governance rules.yaml",
        ("rules.yaml:", "adjustable.treshold", "treshold"),
        rules("      threshold: [", "      treshold: ["),
    ),
    Bad("a setting without a value", f"{SHOP} --set threshold", ("--set", "KEY=VALUE"), shop),
    Bad("a setting given twice", f"{SHOP} --set level=state --set level=auto", ("level", "twice"), shop),
    Bad("a rate that the data cannot give", f"{SHOP} --set metric=ndr", ("metric", "ndr"), shop),
    Bad(
        "a rate that the data gives no more",
        f"{RUN} --data ndr.csv --set metric=ndr",
        ("metric", "no shipment ordered between 2025-04-21 and 2025-07-21 has delivery attempts", "ndr.csv"),
        attempts_of_long_ago,
    ),
    Bad("a day that is none", f"{SHOP} --as-of 12.06.2022", ("--as-of", "12.06.2022"), shop),
    Bad("a day after all days", f"{RUN} --as-of 9999-12-31", ("--as-of", "9999-12-31", "2199")),
    Bad("an argument that is no text", "explain \udcff\udcfe", ("argument 2", "UTF-8", "\\xff\\xfe")),
    Bad("an unknown option", f"{RUN} --governence x", ("--governence",)),
    Bad("an unknown command", "runn", ("runn",)),
    Bad("a missing argument", "run", ("LOOP",)),
    Bad("an unknown state to list", "signals --state gone", ("--state", "gone", "decided")),
]
STORES = [
    Bad("a text file", f"{RUN} --store sqlite:///t.db", ("t.db", "not a crossloop"), text("t.db", "hello")),
    Bad(
        "somebody else's database",
        f"{RUN} --store sqlite:///other.db",
        ("other.db", "not a crossloop store"),
        other_database,
    ),
    Bad("a folder as a store", f"{RUN} --store sqlite:///d", ("d",), lambda folder: (folder / "d").mkdir()),
    Bad("a folder that is not there", f"{RUN} --store sqlite:///no/x.db", ("no", "does not exist")),
    Bad("a place that cannot be written", f"{RUN} --store sqlite:////proc/x.db", ("/proc/x.db",)),
    Bad("an unknown kind of store", f"{RUN} --store mysql://x/y", ("mysql", "sqlite")),
    Bad("no URL", f"{RUN} --store crossloop", ("crossloop", "not a URL")),
    Bad("a store that is not there", "explain sig_a --store sqlite:///no.db", ("no.db", "no finished store")),
    Bad("a ledger that is not there", "ledger verify --store sqlite:///no.db", ("no.db", "no finished")),
    Bad("questions of a text file", "approvals list --store sqlite:///t.db", ("t.db",), text("t.db", "hi")),
]  # fmt: skip
IDS = [
    Bad("an unknown id to explain", "explain dec_none", ("dec_none",)),
    Bad("an empty id to explain", "explain =", ("=",)),
    Bad("an unknown approval to show", "approvals show apr_none", ("apr_none",)),
    Bad("an unknown approval to approve", "approvals approve apr_none --as asha", ("apr_none",)),
]
PUBLISHED = [
    Bad("no such event file", "publish e.json", ("e.json", "No such file")),
    Bad("an event that is garbage", "publish e.json", ("e.json:1", "JSON"), text("e.json", "garbage")),
    Bad("an event that is binary", "publish e.json", ("e.json", "UTF-8"), data("e.json", b"\xff\xfe{}")),
    Bad("an event without its envelope", "publish e.json", ("e.json", "specversion"), text("e.json", "{}")),
]


def check(bad: Bad, done: Done) -> None:
    """One message on stderr, one document on stdout, both with the place and the next step."""
    done.expect(2)
    error = check_error(done.json)
    place = " ".join(str(error[part]) for part in ("file", "line", "field") if error.get(part))
    shown = f"{place} {done.err}"
    for piece in bad.says:
        assert piece in shown, f"{piece!r} is not in: {shown}"
    lines = done.err.splitlines()
    assert [line.split()[0] for line in lines] == ["error", "next:"], done.err
    assert error["next_step"], done.err
    assert error["next_step"] in done.err
    assert "Traceback" not in done.err + done.out


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store in which things were done and wait."""
    folder = tmp_path_factory.mktemp("used")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    options = orders.write_company(elsewhere, TROUBLE, days=48)
    warm("run", LOOP, *options, "--governance", DEMO, cwd=folder).expect(0)
    assert books.effects(folder)
    return folder


@pytest.mark.parametrize("bad", [*DATA, *MAPPINGS, *RULES, *ARGUMENTS, *STORES, *PUBLISHED], ids=str)
def test_where_there_was_nothing_nothing_is_left(bad: Bad, tmp_path: Path) -> None:
    bad.prepare(tmp_path)
    before = books.files(tmp_path)
    check(bad, warm(*bad.command.split(), "--json", cwd=tmp_path))
    assert books.files(tmp_path) == before


@pytest.mark.parametrize("bad", [*DATA, *MAPPINGS, *RULES, *ARGUMENTS, *PUBLISHED, *IDS], ids=str)
def test_a_store_in_use_stays_as_it_was(bad: Bad, used: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(used, tmp_path / "used"))
    bad.prepare(folder)
    before = books.files(folder)
    check(bad, warm(*bad.command.split(), "--json", cwd=folder))
    assert books.files(folder) == before


@pytest.mark.parametrize("bad", [DATA[0], RULES[1], ARGUMENTS[0], ARGUMENTS[10], STORES[0]], ids=str)
def test_without_json_stdout_stays_empty(bad: Bad, tmp_path: Path) -> None:
    bad.prepare(tmp_path)
    done = warm(*bad.command.split(), cwd=tmp_path).expect(2)
    assert done.out == ""
    for piece in bad.says:
        assert piece in done.err


def test_a_backtest_refuses_the_same_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(GOOD.replace("pin_code", "pincode"))
    before = books.files(tmp_path)
    done = warm("backtest", LOOP, "--data", "x.csv", "--json", cwd=tmp_path)
    check(DATA[6], done)
    assert books.files(tmp_path) == before


HIDE = """\
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
"""


@pytest.mark.parametrize("module", ["ibis", "duckdb", "scipy"])
@pytest.mark.parametrize("command", [RUN, f"backtest {LOOP}", "demo"])
def test_a_command_whose_extra_is_not_installed_says_how_to_install_it(
    command: str, module: str, tmp_path: Path
) -> None:
    hidden, folder = tmp_path / "hidden", tmp_path / "folder"
    hidden.mkdir()
    folder.mkdir()
    (hidden / "sitecustomize.py").write_text(HIDE.format(hidden=(module,)))
    path = os.pathsep.join((str(hidden), str(ROOT)))
    done = crossloop(*command.split(), "--json", cwd=folder, env={"PYTHONPATH": path}).expect(2)
    error = check_error(done.json)
    assert module in error["message"]
    assert "pip install 'crossloop[loops]'" in error["next_step"]
    assert list(folder.iterdir()) == []


def test_commands_that_do_not_need_the_extra_work_without_it(used: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    modules = ("ibis", "duckdb", "scipy", "numpy", "pyarrow")
    (hidden / "sitecustomize.py").write_text(HIDE.format(hidden=modules))
    path = os.pathsep.join((str(hidden), str(ROOT)))
    folder = Path(shutil.copytree(used, tmp_path / "used"))
    for command in ("loops", "signals", "approvals list", "ledger verify", "ledger tail"):
        crossloop(*command.split(), cwd=folder, env={"PYTHONPATH": path}).expect(0)


def test_a_demo_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "crossloop-demo"
    kept.mkdir()
    (kept / "thesis.txt").write_text("years of work")
    done = warm("demo", "--json", cwd=tmp_path).expect(2)
    assert "crossloop-demo" in done.err
    assert (kept / "thesis.txt").read_text() == "years of work"
    assert [file.name for file in kept.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a place that nobody may write to")
def test_a_demo_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    done = warm("demo", "--folder", "/proc/demo", cwd=tmp_path).expect(2)
    assert "/proc/demo" in done.err
    assert "--folder" in done.err
