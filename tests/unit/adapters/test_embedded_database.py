"""The file behind the embedded company: opening, refusing, transactions, death."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from crossloop.actions.port import AdapterError, Conflict, OutcomeUnknown, Unavailable
from crossloop.adapters.arguments import OnArea
from crossloop.adapters.embedded import CompanyNotUsable, EmbeddedCompany
from crossloop.adapters.embedded.database import Database
from crossloop.errors import InputError
from crossloop.ids import ActionKey
from tests.support import embedded
from tests.support.embedded import campaign, run


def _sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE diary (day TEXT, secret TEXT)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "fill",
    [
        _sqlite,
        lambda path: path.write_text("campaign,name\nC1,Summer\n"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"SQLite format 3\x00"),
    ],
    ids=["another database", "a text file", "an empty file", "a torn header"],
)
def test_a_file_that_is_no_embedded_company_is_refused_and_left_as_it_is(
    tmp_path: Path, fill: Callable[[Path], object]
) -> None:
    path = tmp_path / "theirs"
    fill(path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    with pytest.raises(CompanyNotUsable, match=r"theirs: is not an embedded company.*Choose another file"):
        EmbeddedCompany.open(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_refusal_is_wrong_input_with_exit_code_two() -> None:
    assert issubclass(CompanyNotUsable, InputError)
    assert CompanyNotUsable.exit_code == 2


@pytest.mark.parametrize("name", ["", "missing/company.db"])
def test_a_folder_or_a_path_without_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CompanyNotUsable, match="cannot be"):
        EmbeddedCompany.open(tmp_path / name)


def used(path: Path) -> Path:
    with EmbeddedCompany.open(path) as company:
        company.load_campaigns([campaign("C1")])
    return path


def test_a_company_of_another_version_is_refused(tmp_path: Path) -> None:
    path = used(tmp_path / "company.db")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(CompanyNotUsable, match="version 99"):
        EmbeddedCompany.open(path)


def test_a_damaged_company_is_refused(tmp_path: Path) -> None:
    path = used(tmp_path / "company.db")
    damaged = bytearray(path.read_bytes())
    damaged[100:4096] = b"\xff" * (4096 - 100)
    path.write_bytes(damaged)
    with pytest.raises(CompanyNotUsable, match="damaged"):
        EmbeddedCompany.open(path)


def test_opening_alone_leaves_nothing(tmp_path: Path) -> None:
    EmbeddedCompany.open(tmp_path / "company.db").close()
    assert list(tmp_path.iterdir()) == []


def test_creating_leaves_one_file_and_nothing_beside_it(tmp_path: Path) -> None:
    used(tmp_path / "company.db")
    assert [path.name for path in tmp_path.iterdir()] == ["company.db"]


def test_a_commit_is_on_the_disk_before_it_is_answered(tmp_path: Path) -> None:
    database = Database(tmp_path / "company.db")
    full = 2
    assert run(database.rows("PRAGMA synchronous"))[0][0] == full
    assert run(database.rows("PRAGMA foreign_keys"))[0][0] == 1
    database.close()


def test_a_closed_company_says_so(tmp_path: Path) -> None:
    company = EmbeddedCompany.open(tmp_path / "company.db")
    company.close()
    company.close()
    with pytest.raises(Unavailable, match="is closed"):
        run(company.ads.campaigns())


def test_another_process_that_is_writing_makes_it_unavailable_and_nothing_happens(tmp_path: Path) -> None:
    path = tmp_path / "company.db"
    with EmbeddedCompany.open(path, busy_seconds=0.01) as company:
        company.load_campaigns([campaign("C1")])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            company.load_campaigns([campaign("C2")])
        assert [one.campaign_id for one in run(company.ads.campaigns())] == ["C1"]
        other.execute("ROLLBACK")
        other.close()
        company.load_campaigns([campaign("C2")])


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "company.db")

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO location (code) VALUES ('BLR')")
        raise KeyError("on the way")

    with pytest.raises(KeyError):
        run(database.write(fail))
    assert run(database.rows("SELECT code FROM location")) == []
    database.close()


def test_a_read_that_sqlite_itself_has_ended_tells_what_was_wrong(tmp_path: Path) -> None:
    """After a full disk or an I/O error there is no transaction left to end."""
    database = Database(tmp_path / "company.db")

    def ended(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        connection.execute("SELECT * FROM nowhere")

    with pytest.raises(Unavailable, match="no such table: nowhere"):
        run(database.read(ended))
    database.close()


def test_a_record_that_cannot_be_read_back_is_an_error_and_no_empty_answer(tmp_path: Path) -> None:
    with EmbeddedCompany.open(tmp_path / "company.db") as company:
        company.load_campaigns([campaign("C1")])
        with closing(sqlite3.connect(company.path)) as other, other:
            other.execute("""UPDATE campaign SET body = '{"campaign_id": "C1"}'""")
        with pytest.raises(AdapterError, match="keeps a damaged Campaign: name: Field required") as wrong:
            run(company.ads.campaigns())
    assert "backup" in wrong.value.next_step


def test_a_constraint_of_the_database_is_a_conflict(tmp_path: Path) -> None:
    database = Database(tmp_path / "company.db")
    with pytest.raises(Conflict, match="quantity >= 0"):
        run(
            database.write(
                lambda connection: connection.execute("INSERT INTO stock VALUES ('A', 'B', -1)").rowcount
            )
        )
    database.close()


def test_a_commit_that_fails_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    database = Database(tmp_path / "company.db")

    def undecided(connection: sqlite3.Connection) -> None:
        # A deferred constraint is looked at in the commit: the one error there that can be provoked.
        connection.execute("PRAGMA defer_foreign_keys=ON")
        connection.execute("INSERT INTO stock VALUES ('A', 'B', 1)")

    with pytest.raises(OutcomeUnknown, match="commit failed"):
        run(database.write(undecided))
    assert run(database.rows("SELECT sku FROM stock")) == []
    database.close()


DIES = """
    import asyncio, os, signal, sys
    from pathlib import Path
    from crossloop.adapters.embedded.ads import EmbeddedAds
    from crossloop.adapters.embedded.system import Operation
    from crossloop.adapters.arguments import OnArea
    from crossloop.ids import ActionKey
    from tests.support import embedded

    true_effect = EmbeddedAds.known["suppress_cod"].effect

    def effect(connection, arguments, key):
        performed = true_effect(connection, arguments, key)
        if sys.argv[2] == "before the commit":
            os.kill(os.getpid(), signal.SIGKILL)
        return performed

    EmbeddedAds.known = {"suppress_cod": Operation("Dies.", OnArea, effect)}
    with embedded.ads(Path(sys.argv[1])) as ads:
        request = OnArea(campaign_id="C1", area=embedded.RAJASTHAN).request("ads", "suppress_cod")
        asyncio.run(ads.perform(ActionKey("k1"), request))
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("moment", "effects"), [("before the commit", 0), ("after the commit", 1)])
def test_after_sudden_death_the_key_is_there_if_and_only_if_the_effect_is(
    tmp_path: Path, moment: str, effects: int
) -> None:
    path = tmp_path / "company.db"
    died = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DIES), str(path), moment],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert died.returncode == -9
    with embedded.ads(path) as ads:
        assert len(run(ads.restrictions())) == effects
        assert (run(ads.find(ActionKey("k1"))) is not None) == bool(effects)


def test_the_key_of_one_system_is_not_found_in_another(tmp_path: Path) -> None:
    with embedded.company(tmp_path / "company.db") as company:
        request = OnArea(campaign_id="C1", area=embedded.RAJASTHAN).request("ads", "suppress_cod")
        run(company.ads.perform(ActionKey("k1"), request))
        assert run(company.crm.find(ActionKey("k1"))) is None
        assert run(company.ads.find(ActionKey("k1"))) is not None
