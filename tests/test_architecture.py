"""The house keeps its walls: who may import whom, how long modules and functions are, what a wheel carries."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 300
LONGEST_FUNCTION = 60
LONG_FUNCTIONS = {  # a parameter of a command is a line of its signature
    "silktune/cli/ablate.py: command",
    "silktune/cli/search.py: command",
}


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=root,
        check=False,
    )


def test_imports_keep_their_contracts() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Contracts: 7 kept, 0 broken." in done.stdout


def test_a_broken_contract_is_found(tmp_path: Path) -> None:
    package = tmp_path / "silktune"
    for source in (ROOT / "silktune").rglob("*.py"):
        copy = package / source.relative_to(ROOT / "silktune")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    for module, library in (
        ("study/selection", "torch"),
        ("orchestrate/coordinator", "ray"),
        ("api/session", "optuna"),
        ("core/silknet", "timm"),
    ):
        with (package / f"{module}.py").open("a", encoding="utf-8") as file:
            file.write(f"\nimport {library}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    broken = {line.partition(" BROKEN")[0] for line in done.stdout.splitlines() if " BROKEN" in line}
    assert broken == {
        "Data and study know no torch",
        "Ray has one door: orchestrate/executors/ray",
        "Coordinator and local executor know no Ray",
        "Optuna has one door: orchestrate/sampler",
        "timm has one door: core/backbones/timm_trunks",
    }


def test_no_module_is_too_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "silktune").rglob("*.py")}
    assert len(lengths) > 40
    assert {path.relative_to(ROOT): n for path, n in lengths.items() if n > LONGEST} == {}


def long_functions(source: str) -> list[str]:
    """The functions of a module that are longer than they may be."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION]


def test_no_function_is_too_long() -> None:
    sources = {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in (ROOT / "silktune").rglob("*.py")}
    assert len(sources) > 40
    assert {f"{path}: {name}" for path, source in sources.items() for name in long_functions(source)} <= LONG_FUNCTIONS


@pytest.mark.parametrize(("lines", "too_long"), [(LONGEST_FUNCTION, []), (LONGEST_FUNCTION + 1, ["f"])])
def test_a_function_that_is_too_long_is_found(lines: int, too_long: list[str]) -> None:
    assert long_functions("def f():\n" + "    pass\n" * (lines - 1)) == too_long


@pytest.mark.slow
def test_a_wheel_carries_the_search_spaces(tmp_path: Path) -> None:
    builder = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", builder, str(tmp_path)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        check=False,
    )
    if "No module named 'hatchling'" in done.stderr:
        pytest.skip("hatchling is not installed here, and a build would download it")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())
    spaces = list((ROOT / "search_spaces").rglob("*.yaml"))
    assert spaces
    assert {f"silktune/{path.relative_to(ROOT).as_posix()}" for path in spaces} <= carried
    unpacked = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(unpacked)
    code = "from silktune.study import space_file; print(space_file.load('quick', {}).name, space_file.shelves())"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", cwd=unpacked, check=False
    )
    assert found.stdout == f"quick [PosixPath('{unpacked}/silktune/search_spaces')]\n", found.stderr
