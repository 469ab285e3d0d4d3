"""What a module imports, read from its source: at the top, inside functions and under TYPE_CHECKING."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the module it stands in, and the dotted name it reaches for."""

    file: Path
    line: int
    module: str
    """The importing module, ``crossloop.signals.codec``."""

    name: str
    """What is imported: a module, or a name inside one."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.module} imports {self.name}"


def module_name(file: Path, root: Path) -> str:
    """``crossloop/signals/codec.py`` below ``root`` is ``crossloop.signals.codec``."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(package: Path) -> Iterator[Import]:
    """Yield every import of every module of a package directory."""
    root = package.parent
    for file in sorted(package.rglob("*.py")):
        module = module_name(file, root)
        around = module if file.name == "__init__.py" else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), filename=str(file))):
            for name in _names(node, around):
                line = node.lineno if isinstance(node, ast.stmt | ast.expr) else 0
                yield Import(file.relative_to(root), line, module, name)


def _names(node: ast.AST, around: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = around.split(".")[: len(around.split(".")) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args:
        called = ast.unparse(node.func)
        first = node.args[0]
        dynamic = called in ("__import__", "import_module", "importlib.import_module")
        if dynamic and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value
