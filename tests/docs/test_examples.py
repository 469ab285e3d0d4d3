"""Every example in README and docs runs.

The blocks of one file run in their order, in one namespace and in one temporary directory that holds a
copy of ``examples/``. Python blocks run in this process; commands of console blocks (lines that start with
``$``) run in a shell in which ``crossloop`` and ``python`` are those of this installation, and must end with
0 or with the code that a trailing comment names (``# exit 2``).

A block that cannot run here says why in a comment on the line above: ``<!-- not run: it needs a server -->``.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import SHELLS, Block, Command, blocks, commands
from tests.support.project import PROJECT

SKIPPED = ("make", "git", "pip", "cd")
"""Commands that are shown and not run: they set the machine up, and .ci/run runs the same."""

RUN = ("crossloop", "python")
"""Commands that run. Any other needs a reason above its block."""

SECONDS = 300
"""Longer than the longest example takes on a slow machine; a hang is a failure."""

FILES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def run_python(block: Block, namespace: dict[str, object]) -> None:
    """Execute a block so that a traceback shows the line of the document."""
    exec(compile("\n" * (block.line - 1) + block.text, str(block.file), "exec"), namespace)


def command_words(text: str) -> list[str]:
    """The first word of every command of a shell line."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    starts = True
    for token in lexer:
        if starts:
            words.append(token)
        starts = token in ("&&", "||", ";", "|", "&")
    return words


def run_command(command: Command, where: Path) -> str | None:
    """Run a command and return what is wrong with it, or None."""
    text = command.text.removeprefix(".venv/bin/")  # where make puts it; here it is on the path
    words = command_words(text)
    if all(word in SKIPPED for word in words):
        return None
    strange = [word for word in words if word not in (*RUN, "cd")]
    if strange:
        return f"'{strange[0]}' is not among {', '.join((*RUN, *SKIPPED))}: say why the block is not run"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CROSSLOOP_")}
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    result = subprocess.run(
        ["/bin/sh", "-c", text],
        cwd=where,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if result.returncode == command.exit_code:
        return None
    return f"ended with {result.returncode}, promised {command.exit_code}:\n{result.stdout}{result.stderr}"


def run_document(file: Path, where: Path) -> list[str]:
    """Run every block of a file; return what went wrong in its console blocks."""
    wrong: list[str] = []
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(file):
        if block.not_run is not None:
            if not block.not_run:
                wrong.append(f"{block}: 'not run' gives no reason")
        elif block.language == "python":
            run_python(block, namespace)
        elif block.language in SHELLS:
            shown = list(commands(block))
            if not shown:
                wrong.append(f"{block}: no line starts with '$ ', so nothing would run")
            for command in shown:
                problem = run_command(command, where)
                if problem is not None:
                    wrong.append(f"{file.name}:{command.line}: $ {command.text}\n  {problem}")
    return wrong


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory with the examples, made the current one."""
    if (PROJECT / "examples").is_dir():
        shutil.copytree(PROJECT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PROJECT).as_posix())
def test_every_example_runs(file: Path, directory: Path) -> None:
    assert run_document(file, directory) == []


# The test of the test.


def document(directory: Path, text: str) -> Path:
    file = directory / "page.md"
    file.write_text(text, encoding="utf-8")
    return file


def test_python_blocks_share_a_namespace_and_a_directory_with_commands(directory: Path) -> None:
    text = """
```python
from pathlib import Path
x = 1
Path("made.py").write_text("import sys; sys.exit(3)")
```

1. In a list:

   ```console
   $ .venv/bin/python made.py  # exit 3
   what it printed
   $ python -c \\
       "import sys; \\
       sys.exit(0)"
   ```

~~~python
assert x == 1 and Path("made.py").exists()
~~~
"""
    assert run_document(document(directory, text), directory) == []


def test_a_failing_python_block_fails_and_names_its_line(directory: Path) -> None:
    file = document(directory, "# Title\n\n```python\nx = 1\nassert x == 2\n```\n")
    with pytest.raises(AssertionError) as caught:
        run_document(file, directory)
    assert (str(caught.traceback[-1].path), caught.traceback[-1].lineno) == (str(file), 4)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("```console\n$ python -c 'raise SystemExit(2)'\n```\n", "ended with 2, promised 0"),
        ("```bash\n$ python -c pass  # exit 1\n```\n", "ended with 0, promised 1"),
        ("```console\n$ crossloop no-such-command\n```\n", "promised 0"),
        ("```console\n$ curl https://example.org\n```\n", "say why"),
        ("```bash\ncrossloop demo\n```\n", "nothing would run"),
        ("```console\n$ cd examples && curl x\n```\n", "say why"),
        ("<!-- not run: -->\n```console\n$ curl x\n```\n", "gives no reason"),
    ],
)
def test_a_console_block_that_does_not_do_what_it_says_fails(directory: Path, text: str, says: str) -> None:
    wrong = run_document(document(directory, text), directory)
    assert [says in one for one in wrong] == [True]


def test_what_gives_a_reason_or_sets_the_machine_up_is_not_run(directory: Path) -> None:
    text = (
        "<!-- not run: it needs a server -->\n```console\n$ curl x\n```\n\n"
        "```console\n$ git clone x && cd x && make demo\n$ cd . && python -c 'a = 1; b = 2'\n```\n"
    )
    assert run_document(document(directory, text), directory) == []


def test_a_block_that_is_never_closed_is_an_error(directory: Path) -> None:
    with pytest.raises(ValueError, match="never closed"):
        run_document(document(directory, "```python\nx = 1\n"), directory)
