"""The first loop on the embedded company, seen from Python: look, decide, act, clear, ask, prove.

Run it from anywhere, with nothing but `pip install 'crossloop[loops]'`:

    python examples/logistics_to_marketing.py
"""

from datetime import date
from pathlib import Path
from tempfile import mkdtemp
from textwrap import shorten

import crossloop

LOOP = "logistics-to-marketing"
RULES = Path(__file__).with_name("governance") / "demo.yaml"


def tell(report: crossloop.RunReport) -> None:
    """Print what one run saw, decided and did."""
    print(f"\nAs of {report.as_of}:")
    for seen in report.signals:
        print(f"  {seen['state']:<10} {seen['path']}: {seen['failures']} of {seen['orders']} came back")
    for made in report.decisions:
        print(f"  {made.verdict:<10} {made.intervention}: {shorten(made.rationale, 90)}")
    for receipt in report.receipts:
        print(f"  {receipt.outcome:<10} {receipt.detail}")


def main() -> None:
    store = f"sqlite:///{mkdtemp(prefix='crossloop-')}/crossloop.db"
    with crossloop.open_company(store, governance=RULES) as company:
        # Lucknow's parcels come back. Marketing proposes; what the rules permit is done.
        first = company.run(LOOP, as_of=date(2026, 5, 10))
        tell(first)

        # The same day again adds nothing. Later the courier was changed: the area clears on fresh orders,
        # and marketing takes its own change back.
        again = company.run(LOOP, as_of=date(2026, 5, 10))
        print(f"\nThe same day again: {len(again.decisions)} decisions, {len(again.receipts)} effects")
        tell(company.run(LOOP, as_of=date(2026, 6, 2)))

        # A change that moves much of a budget waits for both heads. It is done once, when both have said yes.
        last = company.run(LOOP, as_of=date(2026, 6, 30))
        held = max(last.waiting, key=lambda one: len(one.people))
        print(f"\n{held.approval_id} ({held.action}) waits for {' and '.join(held.people)}")
        for person in held.people:
            given = company.answer(
                held.approval_id, person=person, decision="approve", asserted="example script"
            )
            done = [receipt.detail for receipt in given.receipts] or ["not yet"]
            print(f"  {person} approves: {'; '.join(done)}")

        proof = company.verify()
        print(f"\nLedger: {proof.entries} entries, {'intact' if proof.ok else proof.problem}")
    print("\nLook next at the same store from the command line:")
    print(f"  crossloop explain {held.approval_id} --store {store}")
    print(f"  crossloop approvals list --store {store}")
    print(f"  crossloop ledger verify --store {store}")


if __name__ == "__main__":
    main()
