"""``--company MODULE:ATTRIBUTE``: the command line works with a company of one's own, too."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.console import LOOP, ROOT, crossloop, environment, warm
from tests.support.run_shape import check_error

OWN = "own_department:company"
SHOP = """
import crossloop

def of_here(store: str) -> crossloop.Company:
    return crossloop.ready_company(store)

def without_argument() -> crossloop.Company:
    return crossloop.ready_company()

acme = crossloop.ready_company()

class Shop:
    company = acme

number = 7

def fails(store):
    raise RuntimeError("no network")

def leaves(store):
    raise SystemExit(0)

def takes_two(store, more):
    return crossloop.ready_company(store)

def loud(store):
    print("called")
    return crossloop.ready_company(store)

def builds_it_wrongly():
    return crossloop.Company(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)

async def not_awaited():
    return acme

def __getattr__(name):
    if name == "odd":
        raise RuntimeError("no such thing today")
    raise AttributeError(name)

print("loaded")

def gives_a_number():
    return 7
"""


TOLD = """
from crossloop.errors import InputError, Where

error = InputError("there is no table.", where=Where(field="orders"), next_step="Make one.")
"""


@pytest.fixture(scope="module")
def _asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example's module and rules, in whose store something waits."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copy(ROOT / "examples" / "own_department.py", folder)
    code = "import own_department; open('rules.yaml', 'w').write(own_department.RULES)"
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment(), check=True)
    run = ("run", LOOP, "--as-of", "2026-05-10", "--company", OWN, "--governance", "rules.yaml")
    done = warm(*run, cwd=folder).expect(3)
    (folder / "story.txt").write_text(done.out)
    return folder


@pytest.fixture
def asked(_asked: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(_asked, tmp_path / "asked"))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "broken.py").write_text("import crossloop\nimport no_such_thing\n")
    (tmp_path / "script.py").write_text("import sys\n\nsys.exit(0)\n")
    (tmp_path / "told.py").write_text(f"{TOLD}\nraise error\n\n")
    (tmp_path / "told_when_called.py").write_text(f"{TOLD}\ndef company():\n    raise error\n")
    (tmp_path / "unfinished.py").write_text("def company(:\n")
    return tmp_path


def test_a_department_of_ones_own_acts_in_a_run_of_the_command_line(asked: Path) -> None:
    story = (asked / "story.txt").read_text()
    assert "calling" in story
    decided = warm("explain", waiting(asked), "--json", cwd=asked).expect(0).json["steps"]
    assert "service" in {one["who"] for one in decided}


def waiting(folder: Path) -> str:
    found = warm("approvals", "list", "--json", cwd=folder).expect(0).json["approvals"]
    return next(one["id"] for one in found if one["state"] == "waiting")


def test_every_command_that_is_shown_next_names_the_company_where_it_needs_it(asked: Path) -> None:
    assert f"--company {OWN}" in (asked / "story.txt").read_text()
    shown = warm("approvals", "show", waiting(asked), "--company", OWN, cwd=asked).expect(0).out
    commands = [line.strip() for line in shown.splitlines() if line.strip().startswith("crossloop approvals")]
    assert len(commands) == 2
    assert all(one.endswith(f" --company {OWN}") for one in commands)


def test_what_waits_is_answered_by_the_same_company(asked: Path) -> None:
    one = waiting(asked)
    # the ready-made company has no such system, and cannot even be opened under these rules
    warm("approvals", "approve", one, "--as", "asha", cwd=asked).expect(2)
    done = warm("approvals", "approve", one, "--as", "asha", "--company", OWN, "--json", cwd=asked).expect(0)
    assert [receipt["outcome"] for receipt in done.json["receipts"]] == ["done"]
    assert done.json["incidents"] == []


def test_the_company_can_be_named_once_for_all_commands(asked: Path) -> None:
    named = {"CROSSLOOP_COMPANY": OWN}
    done = crossloop("approvals", "reject", waiting(asked), "--as", "asha", "--reason", "no",
                     cwd=asked, env=named)  # fmt: skip
    assert "rejected" in done.expect(0).out


@pytest.mark.parametrize("name", ["of_here", "without_argument", "acme", "Shop.company"])
def test_it_is_a_company_or_what_returns_one(name: str, shop: Path) -> None:
    found = warm("loops", "--company", f"shop:{name}", "--json", cwd=shop).expect(0).json
    assert [one["name"] for one in found["loops"]] == [LOOP]


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("shop", "expected MODULE:ATTRIBUTE, got 'shop'"),
        ("shop.py:acme2:x", "expected MODULE:ATTRIBUTE"),
        ("no_such_shop:acme", "there is no module 'no_such_shop'"),
        ("shop.inner:acme", "there is no module 'shop.inner'"),
        ("shop:nothing", "the module 'shop' has no attribute 'nothing'"),
        ("shop:number", "expected a crossloop.Company, or what returns one, got a int"),
        ("shop:gives_a_number", "got a int"),
        ("shop:fails", "RuntimeError: no network"),
        ("shop:odd", "RuntimeError: no such thing today"),
        ("shop:takes_two", "shop:takes_two takes other arguments than the URL of the store: (store, more)"),
        ("shop:not_awaited", "got a coroutine"),
        ("shop:builds_it_wrongly", "TypeError"),
        ("shop:leaves", "its code ends the program (SystemExit: 0)"),
        ("script:company", "its code ends the program (SystemExit: 0)"),
        ("broken:company", "No module named 'no_such_thing'"),
        ("unfinished:company", "SyntaxError"),
    ],
)
@pytest.mark.parametrize("command", [("loops",), ("approvals", "approve", "apr_aaaaaaaa", "--as", "asha")])
def test_what_is_no_company_is_said_in_one_message(
    named: str, says: str, command: tuple[str, ...], shop: Path
) -> None:
    told = check_error(warm(*command, "--company", named, "--json", cwd=shop).expect(2).json)
    assert says in told["message"]
    assert told["field"] == "--company"
    assert told["next_step"]
    assert not (shop / "crossloop.db").exists()


def test_what_fails_in_the_module_is_named_by_file_and_line(shop: Path) -> None:
    told = warm("loops", "--company", "shop:fails", "--json", cwd=shop).expect(2).json["error"]
    assert Path(told["file"]).name == "shop.py"
    assert SHOP.splitlines()[told["line"] - 1].strip() == 'raise RuntimeError("no network")'


def test_a_module_that_ends_the_program_is_no_run_that_went_well(shop: Path) -> None:
    run = ("run", LOOP, "--as-of", "2026-05-10", "--company", "script:company", "--json")
    told = crossloop(*run, cwd=shop).expect(2).json["error"]
    assert (Path(told["file"]).name, told["line"], told["field"]) == ("script.py", 3, "--company")


@pytest.mark.parametrize("module", ["told", "told_when_called"])
def test_what_crossloop_itself_says_passes_as_it_is_at_import_and_when_called(
    module: str, shop: Path
) -> None:
    told = warm("loops", "--company", f"{module}:company", "--json", cwd=shop).expect(2).json["error"]
    assert (told["message"], told["field"], told["next_step"]) == (
        "there is no table.",
        "orders",
        "Make one.",
    )


def test_what_the_module_prints_is_no_part_of_the_document(shop: Path) -> None:
    done = warm("loops", "--company", "shop:loud", "--json", cwd=shop).expect(0)
    assert [one["name"] for one in done.json["loops"]] == [LOOP]
    assert done.err.splitlines() == ["loaded", "called"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("builds_it_wrongly", "return crossloop.Company(1, 2"),
        ("odd", "raise RuntimeError("),
        ("takes_two", ""),
    ],
)
def test_no_line_of_crossloop_is_blamed(name: str, line: str, shop: Path) -> None:
    told = warm("loops", "--company", f"shop:{name}", "--json", cwd=shop).expect(2).json["error"]
    named = "" if told["line"] is None else SHOP.splitlines()[told["line"] - 1].strip()
    assert named.startswith(line)
    assert bool(named) == bool(line)
    assert f"shop:{name}" in told["message"]


def test_a_company_that_would_have_to_be_awaited_warns_of_nothing(shop: Path) -> None:
    done = crossloop("loops", "--company", "shop:not_awaited", cwd=shop).expect(2)
    assert "RuntimeWarning" not in done.err


def test_python_can_run_the_command_line_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "crossloop", "loops", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b'"loops"' in done.stdout
