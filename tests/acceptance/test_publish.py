"""``crossloop publish``: signals from outside come in once, whole, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import books, orders
from tests.support.asked import ONE, TROUBLE, rules
from tests.support.console import DEMO, LOOP, Done, warm
from tests.support.run_shape import check_error


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A geo-risk signal that another installation said, as a CloudEvent."""
    from crossloop.loops import ready_catalogue
    from crossloop.signals.cloudevents import to_structured
    from crossloop.signals.codec import from_body

    folder = tmp_path_factory.mktemp("elsewhere")
    options = orders.write_company(folder, TROUBLE, days=50)
    warm("run", LOOP, *options, cwd=folder).expect(0)
    entries = warm("ledger", "tail", "-n", "1000", "--json", cwd=folder).expect(0).json["entries"]
    (said,) = (one["body"] for one in entries if one["kind"] == "signal.received")
    found: dict[str, Any] = json.loads(to_structured(from_body(said, ready_catalogue())))
    return lasting(found, datetime.now(UTC))


def lasting(event: dict[str, Any], since: datetime) -> dict[str, Any]:
    """The same event, said at an instant and valid for three days."""
    data = {**event["data"], "valid_until": (since + timedelta(days=3)).isoformat()}
    return {**event, "time": since.isoformat(), "data": data}


def publish(folder: Path, content: object, *more: str | Path, file: str = "events.json") -> Done:
    """Publish from a file, or from standard input where the file is ``-``."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    if file != "-":
        (folder / file).write_bytes(data)
    return warm("publish", file, "--json", *more, cwd=folder, stdin=data)


def from_elsewhere(event: dict[str, Any], id: str) -> dict[str, Any]:
    """The same content, said by a program that has ids of its own."""
    data = {key: value for key, value in event["data"].items() if key != "dedup_key"}
    return {**event, "id": id, "data": data}


@pytest.mark.parametrize("file", ["events.json", "-"])
def test_one_event_comes_in_from_a_file_and_from_standard_input(
    file: str, event: dict[str, Any], tmp_path: Path
) -> None:
    done = publish(tmp_path, event, "--governance", DEMO, file=file).expect(0).json
    assert done["new"] == 1
    assert done["signals"] == [event["id"]]
    assert done["decisions"]
    assert books.rows(tmp_path / "crossloop.db", "SELECT id, state FROM signals") == [
        (event["id"], "finished")
    ]


def test_the_same_event_twice_is_one_signal(event: dict[str, Any], tmp_path: Path) -> None:
    publish(tmp_path, event, "--governance", DEMO).expect(0)
    before = books.state(tmp_path)
    again = publish(tmp_path, event).expect(0).json
    assert again["new"] == 0
    assert again["decisions"] == []
    assert books.state(tmp_path) == before


def test_a_batch_comes_in_whole(event: dict[str, Any], tmp_path: Path) -> None:
    batch = [event, from_elsewhere(event, "shop-41"), from_elsewhere(event, "shop-42")]
    done = publish(tmp_path, batch, file="-").expect(0).json
    assert done["new"] == 3
    assert len(set(done["signals"])) == 3
    assert done["signals"][0] == event["id"]


def test_another_programs_id_keeps_the_same_fact_one_signal(event: dict[str, Any], tmp_path: Path) -> None:
    first = publish(tmp_path, from_elsewhere(event, "shop-42")).expect(0).json
    again = publish(tmp_path, from_elsewhere(event, "shop-42")).expect(0).json
    assert (first["new"], again["new"]) == (1, 0)
    assert again["signals"] == first["signals"]


def test_an_event_twice_in_one_batch_is_one_signal(event: dict[str, Any], tmp_path: Path) -> None:
    assert publish(tmp_path, [event, event]).expect(0).json["new"] == 1


def test_of_a_batch_with_one_bad_event_nothing_comes_in(event: dict[str, Any], tmp_path: Path) -> None:
    bad = from_elsewhere(event, "shop-42")
    bad["data"]["data"] = {**event["data"]["data"], "orders": -1}
    done = publish(tmp_path, [event, bad]).expect(2)
    error = check_error(done.json)
    assert "orders" in f"{error['field']} {error['message']}"
    assert "1" in f"{error['field']}", "the position in the batch is named"
    assert [file.name for file in tmp_path.iterdir()] == ["events.json"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"type": "logistics.rumour/1"}, "rumour"),
        ({"id": ""}, "id"),
        ({"data": {"orders": "many"}}, "data"),
        ({"id": "sig_" + "b" * 26}, "id"),
        ({"time": "yesterday"}, "time"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_path_that_is_wrong(
    change: dict[str, Any], named: str, event: dict[str, Any], tmp_path: Path
) -> None:
    done = publish(tmp_path, {**event, **change}).expect(2)
    error = check_error(done.json)
    assert named in f"{error['field']} {error['message']}"
    assert error["file"] == "events.json"
    assert error["next_step"]
    assert [file.name for file in tmp_path.iterdir()] == ["events.json"]


@pytest.mark.parametrize("file", ["events.json", "-"])
@pytest.mark.parametrize(
    "content", [b"[]", b" [\n] \n", b"\xef\xbb\xbf[]", b"", b" \n\t\r\n", b"\xef\xbb\xbf"]
)
def test_a_document_without_an_event_is_bad_input(content: bytes, file: str, tmp_path: Path) -> None:
    error = check_error(publish(tmp_path, content, file=file).expect(2).json)
    assert "nothing to publish" in error["message"]
    assert error["file"] == ("stdin" if file == "-" else "events.json")
    assert "list of them" in error["next_step"]
    assert not (tmp_path / "crossloop.db").exists()


@pytest.mark.parametrize(
    ("spoil", "line", "field", "says"),
    [
        (lambda one: b"[" + one + b",\n" + one + b",\n{oops}]", 3, None, "is not JSON"),
        (lambda one: one + b"\n" + one + b"\n{oops}", 2, None, "is not JSON: Extra data"),
        (lambda one: b"[" + one + b"," + b"[" * 200 + b"]" * 201, None, "[1]", "nested more than 32 levels"),
        (lambda one: b"[" * 100_000, None, None, "nested more than 32 levels"),
        (
            lambda one: b"[" + one.replace(b'"confidence"', b'"confidence": NaN, "x"') + b"]",
            None,
            "[0]",
            "NaN",
        ),
        (lambda one: b"[" + one + b" " * 20_000_000 + b"]", None, None, "more than 16777216 bytes"),
        (lambda one: one + b" " * 2_000_000, None, None, "at most 1048576 are read"),
        (lambda one: b"[" + one + b", null]", None, "[1]", "expected a CloudEvent"),
        (lambda one: b"[" + one + b", " + one.decode().encode("utf-16") + b"]", None, None, "not UTF-8"),
    ],
)
def test_a_document_with_something_wrong_in_it_is_refused_as_a_whole_and_the_place_named(
    spoil: Callable[[bytes], bytes],
    line: int | None,
    field: str | None,
    says: str,
    event: dict[str, Any],
    tmp_path: Path,
) -> None:
    content = spoil(json.dumps(event).encode())
    error = check_error(publish(tmp_path, content).expect(2).json)
    assert says in error["message"]
    assert (error["file"], error["line"]) == ("events.json", line)
    assert (error["field"] or "").startswith(field or "")
    assert error["next_step"]
    assert [file.name for file in tmp_path.iterdir()] == ["events.json"]


@pytest.mark.parametrize("as_list", [True, False])
def test_a_byte_order_mark_is_allowed(event: dict[str, Any], tmp_path: Path, as_list: bool) -> None:
    content = b"\xef\xbb\xbf" + json.dumps([event] if as_list else event).encode()
    assert publish(tmp_path, content).expect(0).json["new"] == 1


def test_standard_input_is_named_where_it_is_wrong(tmp_path: Path) -> None:
    assert check_error(publish(tmp_path, b"{", file="-").expect(2).json)["file"] == "stdin"


def test_it_ends_with_three_while_what_was_published_waits(event: dict[str, Any], tmp_path: Path) -> None:
    quiet = orders.write_company(tmp_path, days=40)  # after which the campaigns are known
    warm("run", LOOP, *quiet, "--governance", rules(tmp_path, ONE), cwd=tmp_path).expect(0)
    done = publish(tmp_path, from_elsewhere(event, "shop-42")).expect(3).json
    assert [one["people"] for one in done["waiting"]] == [["asha"]]
    assert {one["verdict"] for one in done["decisions"]} == {"hold", "refuse"}
    assert books.effects(tmp_path) == []


def test_what_is_no_longer_valid_expires_and_is_not_acted_on(event: dict[str, Any], tmp_path: Path) -> None:
    quiet = orders.write_company(tmp_path, days=40)
    warm("run", LOOP, *quiet, "--governance", DEMO, cwd=tmp_path).expect(0)
    done = publish(tmp_path, lasting(event, datetime(2022, 6, 12, tzinfo=UTC))).expect(0).json
    assert (done["decisions"], done["parked"]) == ([], [])
    assert [one["signal_id"] for one in done["expired"]] == done["signals"]
    listed = warm("signals", "list", "--state", "expired", "--json", cwd=tmp_path).expect(0).json
    assert [one["id"] for one in listed["signals"]] == done["signals"]
    assert books.effects(tmp_path) == []


def test_people_read_what_came_of_it(event: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text(json.dumps(event))
    out = warm("publish", "e.json", cwd=tmp_path).expect(0).out
    assert out.startswith("1 new signal")
    again = warm("publish", "e.json", cwd=tmp_path).expect(0).out
    assert "0 new signals; 1 signal known already" in again
