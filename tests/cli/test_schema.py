from __future__ import annotations

import json

import pytest

from klsurv.cli.schema import COMMANDS
from klsurv.schema import TABLES
from klsurv.schema.describe import describe
from tests.cli.terminal import on_terminal
from tests.conftest import Klsurv


def test_without_a_name_every_column_of_every_table_is_told(klsurv: Klsurv) -> None:
    result = klsurv("schema", "--format", "json")
    assert (result.returncode, result.stderr) == (0, "")
    told = {(row["table"], row["column"]): row for row in json.loads(result.stdout)}
    assert set(told) == {(name, column) for name, table in TABLES.items() for column in table.names}
    assert all(row["meaning"] and row["dtype"] for row in told.values())


@pytest.mark.parametrize("table", TABLES)
def test_one_table_is_told_as_the_library_describes_it(klsurv: Klsurv, table: str) -> None:
    result = klsurv("schema", table, "--format", "ndjson")
    assert [json.loads(line) for line in result.stdout.splitlines()] == describe([table])


@pytest.mark.parametrize(("command", "tables"), COMMANDS.items())
def test_a_command_whose_tables_have_other_names_tells_of_them(klsurv: Klsurv, command: str, tables: list[str]) -> None:
    assert command not in TABLES
    result = klsurv("schema", command, "--format", "ndjson")
    assert [json.loads(line) for line in result.stdout.splitlines()] == describe(tables)


def test_a_table_shows_each_column_and_its_unit(klsurv: Klsurv) -> None:
    result = klsurv("schema", "summary", "--format", "table")
    assert all(column.name in result.stdout for column in TABLES["summary"].columns)
    assert "nats" in result.stdout


def test_a_terminal_of_80_columns_shows_the_meaning_of_every_column_in_full() -> None:
    code, text = on_terminal("schema", "lifetimes", width=80)
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    words = text.split()
    for column in TABLES["lifetimes"].columns:
        assert words.count(column.name) >= 2
        # A long meaning goes on below.
        assert set(column.meaning.split()) <= set(words)


def test_a_table_that_does_not_exist_is_wrong_usage(klsurv: Klsurv) -> None:
    result = klsurv("schema", "nosuch")
    assert (result.returncode, result.stdout) == (2, "")
    assert "nosuch" in result.stderr and "summary" in result.stderr
