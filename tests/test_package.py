"""What people carry away: the wheel, the sdist, and what both say of klsurv."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import klsurv

ROOT = Path(__file__).resolve().parents[1]
BUILD = "import sys; from hatchling import build; print(getattr(build, 'build_' + sys.argv[1])(sys.argv[2]))"


def build(kind: str, source: Path, target: Path) -> Path:
    """The wheel or the sdist of a source tree, made as an installer makes it, without the network."""
    command = [sys.executable, "-c", BUILD, kind, str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return target / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source tree in the sdist."""
    target = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        archive.extractall(target)
    return target / f"klsurv-{klsurv.__version__}"


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return BytesParser().parsebytes(archive.read(f"klsurv-{klsurv.__version__}.dist-info/METADATA"))


def sources(folder: Path) -> Iterator[str]:
    """The files below a folder of the clone that are no caches, as paths from the clone."""
    for path in folder.rglob("*"):
        named = path.relative_to(ROOT)
        if path.is_file() and not {"__marimo__", "__pycache__", ".hypothesis"} & set(named.parts):
            yield named.as_posix()


def test_the_wheel_holds_klsurv_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    described = {name for name in names if name.startswith(f"klsurv-{klsurv.__version__}.dist-info/")}
    assert names - described == set(sources(ROOT / "klsurv"))
    assert {"klsurv/py.typed", "klsurv/data/cells.tar.xz", "klsurv/report/choices.js"} <= names
    assert {name.rsplit("/", 1)[1] for name in described} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "LICENSE",
        "entry_points.txt",
    }


def test_the_sdist_holds_what_builds_and_tests_it(unpacked: Path) -> None:
    held = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    for folder in ("klsurv", "tests", "benchmarks", "docs"):
        wanted = set(sources(ROOT / folder))
        assert wanted and {name for name in held if name.startswith(f"{folder}/")} == wanted
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "mkdocs.yml", ".ci/run"} <= held
    assert not any("__pycache__" in name or name.startswith(".venv") for name in held)


def test_the_sdist_builds_the_same_wheel_whatever_lies_about(wheel: Path, unpacked: Path, tmp_path: Path) -> None:
    tree = tmp_path / "elsewhere"
    shutil.copytree(unpacked, tree)
    for litter in ("klsurv/__pycache__/x.pyc", "klsurv/cli/.mypy_cache/x.json", "dist/x.whl", ".venv/lib/x.py"):
        (tree / litter).parent.mkdir(parents=True, exist_ok=True)
        (tree / litter).write_text("litter")
    again = build("wheel", tree, tmp_path)
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_the_wheel_works_where_nothing_else_of_the_clone_is(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
        entry = archive.read(f"klsurv-{klsurv.__version__}.dist-info/entry_points.txt").decode()
    assert entry.split() == ["[console_scripts]", "klsurv", "=", "klsurv.__main__:main"]
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'installed')!r}); from pathlib import Path; "
        "import klsurv.data; print(klsurv.__file__); klsurv.data.unpack(Path('runs')); "
        "from klsurv.__main__ import main; sys.argv = ['klsurv', 'summary', 'runs', '--format', 'csv']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    where, header, *rows = done.stdout.splitlines()
    assert where == str(tmp_path / "installed" / "klsurv" / "__init__.py")
    assert header.startswith("alpha,n,") and rows[0].startswith("0.0,16,")


def test_the_description_has_the_readme_s_words_and_no_way_into_a_clone(metadata: Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    described, readme = str(metadata.get_payload()), (ROOT / "README.md").read_text()
    targets = re.findall(r"\]\((.*?)\)", readme)
    assert any(not target.startswith("http") for target in targets)
    assert all(target.startswith("http") for target in re.findall(r"\]\((.*?)\)", described))
    headings = re.findall(r"^#.*$", readme, flags=re.MULTILINE)
    assert re.findall(r"^#.*$", described, flags=re.MULTILINE) == headings
    for target in targets:
        if target.endswith(".md"):
            assert f"`{target}`" in described


def test_one_version_is_said_everywhere(metadata: Message) -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert metadata["Version"] == klsurv.__version__
    assert re.findall(r'^version: "?([^"\n]+)"?$', citation, flags=re.MULTILINE) == [klsurv.__version__]
    (newest, when), *_ = re.findall(r"^## \[?(\d[\w.]*)\]? - (\d{4}-\d\d-\d\d)$", changes, flags=re.MULTILINE)
    assert newest == klsurv.__version__
    assert re.findall(r'^date-released: "?([-\d]+)"?$', citation, flags=re.MULTILINE) == [when]


def test_what_is_imported_is_asked_for(metadata: Message) -> None:
    # Else another package decides which version there is, or whether there is one.
    asked = {re.split(r"[^\w-]", needed)[0].lower() for needed in metadata.get_all("Requires-Dist", [])}
    offered = packages_distributions()
    for module in (ROOT / "klsurv").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            for name in {name.split(".")[0] for name in names} - {"klsurv", "_typeshed"}:
                assert name in sys.stdlib_module_names or {d.lower() for d in offered[name]} & asked, (module, name)


def test_each_python_that_is_named_is_allowed(metadata: Message) -> None:
    named = [c for c in metadata.get_all("Classifier", []) if c.startswith("Programming Language :: Python :: 3.")]
    lowest = metadata["Requires-Python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {lowest}" == named[0]
    assert metadata["License-Expression"] == "MIT" and metadata["Author"] == "The klsurv maintainers"


def test_what_docstrings_name_is_there_without_an_import_of_its_own() -> None:
    code = "import klsurv; print(klsurv.params.Scoring().threshold)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "0.8\n"
