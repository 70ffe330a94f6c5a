"""The house is in order: what `dev.py check` runs is run with the tests, so that what lands is."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dev


@pytest.mark.timeout(600)  # the first type check of a checkout reads all dependencies
@pytest.mark.parametrize("check", dev.CHECKS, ids=" ".join)
def test_the_whole_tree_passes(check: tuple[str, ...]) -> None:
    program, *arguments = check
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments],
        cwd=dev.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    if done.returncode != 0:
        pytest.fail(f"`{' '.join(check)}` says:\n{done.stdout}", pytrace=False)


@pytest.mark.timeout(300)
def test_the_core_is_covered_to_the_last_branch_by_its_own_tests(tmp_path: Path) -> None:
    """Own, since what is only reached through other floors is not held to its words."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "tests/unit/core", "-q", "-p", "no:cacheprovider"),
            *("--cov=sololine.core", "--cov-branch", "--cov-fail-under=100", "--cov-report=term"),
        ],
        cwd=dev.ROOT,
        env={**os.environ, "COVERAGE_FILE": str(tmp_path / "coverage")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    if done.returncode != 0:
        pytest.fail(done.stdout, pytrace=False)


@pytest.mark.parametrize(
    "module", sorted((dev.ROOT / "src/sololine/core").rglob("*.py")), ids=lambda path: path.stem
)
def test_the_core_imports_the_standard_library_and_phonenumbers_only(module: Path) -> None:
    """The list in .importlinter can only name what to keep out; this one says what may come in."""
    imported = set[str]()
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Import(names=names):
                imported |= {name.name for name in names}
            case ast.ImportFrom(module=str(origin)):
                imported.add(origin)

    foreign = {
        name
        for name in imported
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "phonenumbers"}
        and not f"{name}.".startswith("sololine.core.")
    }
    assert not foreign
