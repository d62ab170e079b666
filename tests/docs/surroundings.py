"""What blocks need that is not on every machine. In: a reader, a block with a word. Out: the nearest real thing.

A cluster is one on loopback, a bucket one of moto's server, Slurm a stand-in for srun that runs one task here.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import boto3

from klsurv.ingest.remote import Remote
from tests.docs.pages import ROOT, Block
from tests.docs.reader import Reader
from tests.s3.objects import serving, upload

# What keeps Dask on loopback, and small; of an option given twice the last holds.
_DASK = f"""
case $1 in
scheduler) set -- "$@" --port 0 --dashboard-address 127.0.0.1:0 ;;
worker) set -- "$@" --nworkers 1 ;;
esac
exec {shlex.quote(sys.executable)} -m dask "$@" --host 127.0.0.1 --no-dashboard
"""
_STEER = """
import argparse, klsurv
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--out", required=True)
told = parser.parse_args()
facts = dict(model="m", method="pca", seed=told.seed, layer=1, window=4, target_kl=1.0, c_star=2.0, fork_points=[0, 3])
with klsurv.CellWriter(f"{told.out}/m_pca_s{told.seed}", **facts) as cell:
    cell.add(1.0, kl=[[0.1, 0.2, 0.3, 0.4]], pmass=[[0.9, 0.5]], gen_len=[4])
"""


def setup(reader: Reader, block: Block) -> None:
    """One of the two commands of the README, which `.ci/run` runs in fresh clones."""
    assert block.page == ROOT / "README.md"
    assert "```sh setup" in (ROOT / ".ci" / "run").read_text()


def demo(reader: Reader, block: Block) -> None:
    """The command that has left the folder as it is."""
    assert block.text == "klsurv demo\n" and (reader.folder / "klsurv-demo" / "spaghetti.png").is_file()


def install(reader: Reader, block: Block) -> None:
    """Installing takes a network: that it is a script, and asks for extras that there are."""
    reader.shell(f"bash -n <<'END'\n{block.text}END", where=block, keep=False)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = [extra for found in re.findall(r"(?:klsurv|\.)\[([\w,-]+)\]", block.text) for extra in found.split(",")]
    assert set(asked) <= set(extras), f"{block}: no such extra"


def watch(reader: Reader, block: Block) -> None:
    """A sweep in `outputs` that would go on growing: each command takes one look at it."""
    _sweep(reader.folder / "outputs", reader)
    once = 'klsurv() { command klsurv "$@" --count 1; }'
    reader.shell(f"{once}\n{block.text}", where=block, keep=False)


def s3(reader: Reader, block: Block) -> None:
    """A bucket `lab` with a sweep in `outputs`, and the same on disk."""
    if "AWS_ENDPOINT_URL" not in reader.env:
        url = reader.stack.enter_context(serving())
        reader.env |= {"AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1"}
        reader.env |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        with reader.here():
            boto3.client("s3", endpoint_url=url).create_bucket(Bucket="lab")
            upload(_sweep(reader.folder / "outputs", reader), Remote("lab") / "outputs")
    _either(reader, block)


def cluster(reader: Reader, block: Block) -> None:
    """Dask here: programs that run until they are stopped do so in the background."""
    reader.program("dask", _DASK)
    _sweep(reader.folder / "sweep", reader)
    _either(reader, block, re.sub(r"^(dask .*?)(\s+#.*)?$", r"\1 &", block.text, flags=re.MULTILINE))


def tls(reader: Reader, block: Block) -> None:
    """The same in a folder and an environment of its own."""
    reader.program("dask", _DASK)
    apart = reader.folder / "tls"
    _sweep(apart / "sweep", reader)
    reader.shell(f"cd {shlex.quote(str(apart))}\n{block.text}", where=block, keep=False)
    assert json.loads((apart / "scheduler.json").read_text())["address"].startswith("tls://127.0.0.1:")


def slurm(reader: Reader, block: Block) -> None:
    """A job, as a file, and one task of it; what it steers a model with stands in `steer.py`."""
    reader.program("dask", _DASK)
    reader.program("srun", 'exec "$@"')
    reader.env |= {"SCRATCH": str(reader.folder / "scratch"), "SLURM_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": "0"}
    (reader.folder / "scratch").mkdir(exist_ok=True)
    (reader.folder / "steer.py").write_text(_STEER)
    (reader.folder / "job.sh").write_text(block.text)
    assert block.text.startswith("#!/bin/bash\n#SBATCH --"), f"{block}: no job of Slurm"
    reader.shell("bash -n job.sh && bash job.sh", where=block, keep=False)


def _sweep(root: Path, reader: Reader) -> Path:
    """A run root with the cells of the demo."""
    if not root.exists():
        shutil.copytree(reader.folder / "klsurv-demo", root)
    return root


def _either(reader: Reader, block: Block, script: str | None = None) -> None:
    if block.kind.startswith("python"):
        reader.python(block)
    else:
        reader.shell(script or block.text, where=block)


SURROUNDINGS: dict[str, Callable[[Reader, Block], None]] = {
    "sh setup": setup,
    "sh demo": demo,
    "sh install": install,
    "sh watch": watch,
    "sh s3": s3,
    "python s3": s3,
    "sh cluster": cluster,
    "python cluster": cluster,
    "sh tls": tls,
    "sh slurm": slurm,
}
