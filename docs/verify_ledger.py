"""Check the ledger of crossloop without crossloop: python verify_ledger.py FILE... [KEY]...

A FILE is a whole export, a proof, or signed checkpoints, with which the others must agree. A KEY is a
verifier key as text; one of them must have signed each checkpoint (this needs the package cryptography).
Exit: 0 ok, 1 broken, 2 wrong use. Rules: docs/ledger.md, RFC 9162, C2SP checkpoints."""

import json
import re
import sys
from base64 import b64decode
from functools import reduce
from hashlib import sha256
from pathlib import Path

KEY = re.compile(r"^([^+\s]+)\+[0-9a-f]{8}\+([A-Za-z0-9+/]{44})$", re.MULTILINE)
NOTE = re.compile(r"((?:[^\n]+\n){3,})\n((?:— \S+ [A-Za-z0-9+/=]{92,}(?:\n|\Z))+)\n*")


def expect(condition, problem, error=ValueError):
    if not condition:
        raise error(problem)


def leaf_of(entry, at):
    expect(entry["position"] == at, f"entry {at} is missing")
    hashed, salt, body = entry["body_hash"], entry["salt"], entry["body"]
    made = salt and len(salt) == 32 and sha256(bytes.fromhex(salt) + body.encode()).hexdigest()
    expect(salt is body is None or made == hashed, f"entry {at}: salt and body do not match their hash")
    fields = [at, entry["kind"], entry["case"], entry["at"], hashed]
    leaf = sha256(b"\0" + json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()).digest()
    expect(leaf.hex() == entry["leaf"], f"entry {at}: its fields do not match its leaf")
    return leaf


def check_export(lines, kept):
    gone = {json.loads(e["body"])["entry"] for e in map(json.loads, lines) if e["kind"] == "ledger.redacted"}
    nodes, roots, wanted = [], {0: sha256().digest()}, {len(lines), *(size for size, _ in kept)}
    for at, entry in enumerate(map(json.loads, lines)):
        node, pairs = leaf_of(entry, at), at
        expect(entry["body"] is not None or at in gone, f"entry {at} has no body, and no entry says why")
        while pairs & 1:  # two subtrees of one size become one
            node, pairs = sha256(b"\1" + nodes.pop() + node).digest(), pairs >> 1
        nodes.append(node)
        if at + 1 in wanted:
            roots[at + 1] = reduce(lambda right, left: sha256(b"\1" + left + right).digest(), nodes[::-1])
    for size, root in kept:
        expect(roots.get(size) == root, f"the first {size} of {len(lines)} entries had root {root.hex()}")
    return f"{len(lines)} entries, root {roots[len(lines)].hex()}"


def check_proof(proof, kept):
    position, start, stop, rights = proof["entry"]["position"], 0, proof["size"], []
    node = leaf_of(proof["entry"], position)
    while stop - start > 1:  # the way down from the root to the leaf
        split = start + (1 << (stop - start - 1).bit_length() - 1)
        rights.append(position >= split)
        start, stop = (split, stop) if position >= split else (start, split)
    for right, beside in zip(rights[::-1], map(bytes.fromhex, proof["path"]), strict=True):
        node = sha256(b"\1" + (beside + node if right else node + beside)).digest()
    said = f"entry {position} of {proof['size']}, root {node.hex()}"
    expect(position == start < stop and node.hex() == proof["root"], f"{said}: not {proof['root']}")
    expect(not kept or (proof["size"], node) in kept, f"{said}: no checkpoint says so")
    return said


def checkpoints(text, keys):
    rest = NOTE.sub("", text)
    expect("\n— " in text, "neither export, proof nor checkpoints; a key is given as text", OSError)
    expect(rest != text and text.endswith(rest), "it is not a file of checkpoints")
    print(f"cut off and not used: {rest!r}\n" if rest else "", end="")
    for note, lines in NOTE.findall(text) if keys else ():
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        signed = [(name, b64decode(data)) for name, data in re.findall(r"— (\S+) (\S+)", lines)]
        by = [(id, one[4:]) for name, one in signed if (id := f"{name}+{one[:4].hex()}") in keys]
        held = [Ed25519PublicKey.from_public_bytes(keys[id]).verify(one, note.encode()) for id, one in by]
        expect(held, f"none of the keys given signed this checkpoint:\n{note}", OSError)
    return [(int(note.split("\n")[1]), b64decode(note.split("\n")[2])) for note, _ in NOTE.findall(text)]


if __name__ == "__main__":
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(__doc__))
    pairs = [(name, b64decode(data)) for name, data in KEY.findall("\n".join(sys.argv[1:]))]
    keys = {f"{name}+" + sha256(f"{name}\n".encode() + key).hexdigest()[:8]: key[1:] for name, key in pairs}
    try:
        texts = [Path(one).read_bytes().decode() for one in sys.argv[1:] if not KEY.match(one)]
        expect(texts and all(texts), "a file is empty." if texts else __doc__, OSError)
        proofs = [json.loads(text) for text in texts if text.startswith("{\n")]
        notes = [text for text in texts if text[:1] != "{"] + [one["checkpoint"] or "" for one in proofs]
        kept = [pair for text in filter(None, notes) for pair in checkpoints(text, keys)]
        told = [check_export([*filter(None, one.split("\n"))], kept) for one in texts if one[:2] == '{"']
        told += [check_proof(proof, kept) for proof in proofs]
        print("ok", *told, f"checkpoints: {len(kept)}{'' if keys else ', signatures not checked'}", sep="\n")
    except Exception as wrong:  # noqa: BLE001  whatever a file holds is said in one line
        unusable = isinstance(wrong, OSError | ImportError | UnicodeDecodeError | KeyError)
        said = f"a file lacks the field {wrong}" if isinstance(wrong, KeyError) else str(wrong)
        print("cannot check:" if unusable else "broken:", said or type(wrong).__name__, file=sys.stderr)
        sys.exit(2 if unusable else 1)
