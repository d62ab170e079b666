"""What goes wrong with object storage is one line that names the url, and never takes long."""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

import klsurv
from klsurv import CellWriter
from klsurv.errors import KlsurvError, NothingUsableError, OutputError, ParameterError, RemoteError
from klsurv.ingest import s3
from klsurv.ingest.remote import Remote, place
from klsurv.store.ingest import ingest
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell
from tests.s3.objects import upload

DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@pytest.fixture
def nobody() -> str:
    """The url of a port on which no one listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """The url of a server that takes a request and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


class Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"" if self.command == "HEAD" else DENIED
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_PUT = do_GET  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[str]:
    """The url of a server that denies everything."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Assert that a command failed with one line on stderr, with these words in it."""
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


def test_an_endpoint_that_cannot_be_reached_is_named(
    environment: str, nobody: str, klsurv: Klsurv, monkeypatch: pytest.MonkeyPatch, real_cells: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", nobody)
    one_line(klsurv("summary", "s3://bucket/runs"), "s3://bucket/runs", f"cannot be reached at {nobody}")
    one_line(klsurv("ingest", real_cells, "s3://bucket/store"), "s3://bucket/store", f"cannot be reached at {nobody}")


def test_an_endpoint_that_does_not_answer_is_given_up(
    environment: str, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", silent)
    monkeypatch.setattr(s3, "_READ", 0.2)
    with pytest.raises(RemoteError, match=f"s3://bucket/runs.* cannot be reached at {silent}: no answer in time"):
        klsurv.scan("s3://bucket/runs").cells()


def test_an_endpoint_that_is_lost_while_cells_are_read_ends_the_command(
    bucket: Remote, nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(write_cell(tmp_path), bucket / "runs" / "good")
    runs = klsurv.scan(bucket / "runs")
    really = Remote.read

    def read(self: Remote, *arguments: object) -> bytes | None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", nobody)
        return really(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Remote, "read", read)
    with pytest.raises(RemoteError, match=r"s3://.*/calib\.json cannot be reached"):
        runs.cells()


def test_a_bucket_that_is_not_there_is_named(environment: str, klsurv: Klsurv, real_cells: Path) -> None:
    one_line(klsurv("check", "s3://no-such/runs"), "s3://no-such/runs: there is no bucket no-such at " + environment)
    one_line(klsurv("ingest", "s3://no-such/runs", real_cells / "store"), "there is no bucket no-such")
    one_line(klsurv("ingest", real_cells, "s3://no-such/store"), "s3://no-such/store", "there is no bucket no-such")
    assert not (real_cells / "store").exists()


def test_of_two_endpoints_the_one_for_s3_is_used(
    environment: str, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", environment)
    monkeypatch.setenv("AWS_ENDPOINT_URL", nobody)
    monkeypatch.setenv("AWS_ENDPOINT", nobody)
    with pytest.raises(RemoteError, match=f"there is no bucket no-such at {environment}"):
        klsurv.scan("s3://no-such/runs").cells()


def test_a_prefix_that_is_not_there_is_named(bucket: Remote, klsurv: Klsurv) -> None:
    (bucket / "runs-2" / "x").write(b"")
    one_line(klsurv("summary", bucket / "runs"), f"{bucket}/runs does not exist")
    one_line(klsurv("summary", bucket / "runs-2"), f"no run cell in {bucket}/runs-2")


def test_denied_access_is_told_as_that(
    environment: str, refusing: str, klsurv: Klsurv, monkeypatch: pytest.MonkeyPatch, real_cells: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", refusing)
    one_line(klsurv("summary", "s3://bucket/runs"), "s3://bucket/runs cannot be read: access denied (AccessDenied)")
    one_line(klsurv("ingest", real_cells, "s3://bucket/store"), "s3://bucket/store", "access denied")
    with pytest.raises(OutputError, match="s3://bucket/store cannot be made a store: access denied"):
        ingest(real_cells, "s3://bucket/store")


def test_an_object_that_is_denied_breaks_its_cell_only(
    bucket: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("good", "secret"):
        upload(write_cell(tmp_path, name), bucket / "runs" / name)
    really = Remote.read

    def read(self: Remote, *arguments: object) -> bytes | None:
        if "secret" in self.key:
            raise PermissionError(13, "access denied (403)", str(self))
        return really(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Remote, "read", read)
    cells = klsurv.scan(bucket / "runs", tell=lambda _: None).cells()
    assert cells.get_column("status").to_list() == ["ok", "broken"]
    assert cells.get_column("reason").to_list()[1] == "calib.json: cannot be read: access denied (403)"


def test_a_store_that_may_not_be_written_to_is_named(
    bucket: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cell(tmp_path / "runs")
    ingest(tmp_path / "runs", bucket / "store")
    write_cell(tmp_path / "runs", "new")

    def write(self: Remote, data: bytes) -> NoReturn:
        raise PermissionError(13, "access denied (AccessDenied)", str(self))

    monkeypatch.setattr(Remote, "write", write)
    with pytest.raises(OutputError, match=f"{bucket}/store cannot be written: access denied"):
        ingest(tmp_path / "runs", bucket / "store")


def test_missing_credentials_are_asked_for(
    environment: str, nobody: str, klsurv: Klsurv, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The machine itself would be asked for them next.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", nobody)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    one_line(klsurv("summary", "s3://bucket/runs"), "s3://bucket/runs", "no credentials: set AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    one_line(klsurv("summary", "s3://bucket/runs"), "s3://bucket/runs", "no credentials: set AWS_ACCESS_KEY_ID")


@pytest.mark.parametrize(
    ("endpoint", "error", "message"),
    [
        ("http://192.0.2.1:9", RemoteError, "is not https: set AWS_ALLOW_HTTP=true"),
        ("nonsense", ParameterError, "is no url of http or https"),
        ("http://", ParameterError, "is no url of http or https"),
        ("http://a b", ParameterError, "is no url of http or https"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_told_of(
    environment: str, monkeypatch: pytest.MonkeyPatch, endpoint: str, error: type[KlsurvError], message: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(error, match=message):
        klsurv.scan("s3://bucket/runs").cells()


@pytest.mark.parametrize("url", ["s3://", "s3:///runs", "s3://a b/runs", "s3://bucket/../runs"])
def test_an_url_that_cannot_be_one_is_wrong_usage(environment: str, klsurv: Klsurv, url: str) -> None:
    done = klsurv("summary", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {url} ")


def test_an_object_whose_key_cannot_be_read_is_named(bucket: Remote, environment: str) -> None:
    import boto3

    boto3.client("s3", endpoint_url=environment).put_object(Bucket=bucket.bucket, Key="runs//x", Body=b"")
    with pytest.raises(RemoteError, match="runs//x"):
        klsurv.scan(bucket).cells()


def test_the_extra_is_named_where_it_is_not_installed(
    environment: str, klsurv: Klsurv, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("obstore", "obstore.exceptions", "obstore.store"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "klsurv.ingest.s3")
    done = klsurv("summary", "s3://bucket/runs")
    assert done.returncode == 2
    assert "pip install 'klsurv[s3]'" in done.stderr


def test_what_is_no_url_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place("s3") == Path("s3")
    assert place("a/s3://b") == Path("a/s3:/b")
    assert place("s3://b//x/ y /") == Remote("b", "x/ y ")
    assert place(Path("s3://b/x")) == Remote("b", "x")
    assert [str(place(url)) for url in ("s3://b", "s3://b/", "s3://b/x")] == ["s3://b", "s3://b", "s3://b/x"]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NothingUsableError, match="does not exist"):
        klsurv.scan("gs://bucket/x").cells()


@pytest.mark.parametrize(
    "words",
    [
        ("demo", "s3://bucket/demo"),
        ("export", "runs", "s3://bucket/scored.parquet"),
        ("survival", "runs", "-o", "s3://bucket/survival.csv"),
        ("convert", "s3://bucket/runs", "runs.parquet"),
        ("convert", "runs", "s3://bucket/runs.parquet"),
    ],
    ids=" ".join,
)
def test_what_is_only_written_to_disk_is_not_written_beside_a_bucket(
    klsurv: Klsurv, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_cell(tmp_path / "runs")
    done = klsurv(*words)
    assert done.returncode == 2
    assert "is in a bucket" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    with pytest.raises(ParameterError, match="is in a bucket"):
        CellWriter(
            "s3://bucket/cell",
            model=None,
            method=None,
            seed=None,
            layer=None,
            window=8,
            target_kl=None,
            c_star=None,
            fork_points=[],
        )
