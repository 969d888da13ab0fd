"""The code's shape in one table: `python -m bench.shape [FOLDER]`, for this checkout or another one.

Lines and modules of each room, its longest function, what share of its functions mypy --strict would take without an
annotation more, and what share of the errors below the doors names a command or an option.
"""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DOORS = ("admin", "demo", "web", "cli.py", "daemon.py", "webserver.py", "mirrors.py")
ERRORS = ("PbxError", "ClientMistake", "SwitchUnavailable", "StoreUnavailable", "DeliveryFailed")
# `client set`, pbx-control …, --name
COMMAND = re.compile(r"`[a-z]|pbx-control |--[a-z]")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Room:
    """A folder of the package, or its loose modules."""

    name: str
    modules: Sequence[tuple[Path, ast.Module]]

    @property
    def lines(self) -> int:
        return sum(len(path.read_text().splitlines()) for path, _ in self.modules)

    @property
    def functions(self) -> list[tuple[Path, Function]]:
        return [(path, node) for path, tree in self.modules for node in ast.walk(tree) if isinstance(node, Function)]

    @property
    def longest(self) -> tuple[int, str]:
        """Its lines, and where it is."""
        sizes = ((length(node), f"{path.name}:{node.name}") for path, node in self.functions)
        return max(sizes, default=(0, ""))

    @property
    def typed(self) -> tuple[int, int]:
        """Functions that are annotated in full and without Any; and all of them."""
        return sum(is_typed(node) for _, node in self.functions), len(self.functions)

    @property
    def errors(self) -> tuple[int, int]:
        """Errors that name a command or an option; and all of them."""
        found = [line for _, tree in self.modules for line in error_lines(tree)]
        return sum(bool(COMMAND.search(line)) for line in found), len(found)


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def is_typed(function: Function) -> bool:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    hints = [one.annotation for one in named if one.arg not in ("self", "cls")] + [function.returns]
    return all(hint is not None and "Any" not in ast.unparse(hint).replace("[", " ").split() for hint in hints)


def error_lines(tree: ast.Module) -> Iterator[str]:
    """The line for people of each error that is made."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
            yield " ".join(
                part.value
                for part in ast.walk(node.args[0])
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )


def rooms(top: Path) -> Iterator[Room]:
    package = top / "pbx_control"
    loose = [*sorted(package.glob("*.py")), top / "cli.py"]
    yield Room("(loose)", [(path, ast.parse(path.read_text())) for path in loose])
    for folder in sorted(path for path in package.iterdir() if path.is_dir()):
        files = sorted(folder.rglob("*.py"))
        if files:
            yield Room(folder.name, [(path, ast.parse(path.read_text())) for path in files])


def share(part: int, whole: int) -> str:
    return f"{part}/{whole} ({100 * part // whole} %)" if whole else "-"


def main(top: Path) -> None:
    found = list(rooms(top))
    print("| room | modules | lines | longest function | typed without Any | errors that name a command |")
    print("| --- | ---: | ---: | --- | --- | --- |")
    for room in found:
        size, where = room.longest
        errors = "(door)" if room.name in DOORS else share(*room.errors)
        print(
            f"| {room.name} | {len(room.modules)} | {room.lines} | {size}, {where} | {share(*room.typed)} | {errors} |"
        )
    below = [room for room in found if room.name not in DOORS]
    typed, errors = [room.typed for room in found], [room.errors for room in below]
    print(
        f"| all | {sum(len(room.modules) for room in found)} | {sum(room.lines for room in found)} "
        f"| {max(room.longest for room in found)[0]} | {share(*map(sum, zip(*typed, strict=True)))} "
        f"| {share(*map(sum, zip(*errors, strict=True)))} |"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
