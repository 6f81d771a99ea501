"""The command line says what is wrong in one sentence, and teaches itself."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from samgraph.cli import COMMANDS, main
from samgraph.cli.imports.command import command as imports


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    examples = [command] if command != "neo4j" else ["neo4j start"]
    for words in examples:
        assert main([*words.split(), "--help"]) == 0
        text = capsys.readouterr().out
        assert f"samgraph {command}" in text.split("Usage:")[-1].split("\n", 1)[1], text
        assert max(map(len, text.splitlines())) <= 80 and "\\b" not in text


@pytest.mark.parametrize("group", ["", "neo4j", "import", "config"])
def test_help_lists_every_command_with_its_whole_summary(
    group: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*group.split(), "--help"]) == 0
    listed = capsys.readouterr().out
    assert group or all(f"  {command} " in listed for command in COMMANDS)
    assert "..." not in listed.replace("[ARGS]...", "") and max(map(len, listed.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("report no-such-run", "no-such-run is not a finished run: summary.json is missing"),
        ("backtest --out r", "data is needed"),
        ("backtest --out r --data d --universe U --start 2020-01-01 --end 2019-01-01", "is not after start"),
        ("backtest --out r --config absent.toml", "absent.toml cannot be read"),
        (
            "backtest --out r --data d --universe U --start 2020-01-01 --end 2021-01-01",
            "d is not a directory",
        ),
        ("simulate x --seed 1 --companies 3", "--companies is 3"),
        ("load nowhere", "nowhere"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_status_1(
    arguments: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments.split()) == 1
    error = capsys.readouterr().err
    assert says in error
    assert error.startswith("samgraph: ") and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    ["backtest", "simulate", "nonsense", "backtest --out r --start yesterday", "simulate d --seed many"],
)
def test_wrong_usage_is_status_2(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments.split()) == 2
    assert "Error" in capsys.readouterr().err


def test_too_little_memory_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def too_much(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 916. MiB")

    monkeypatch.setattr("samgraph.cli.cli.main", too_much)
    assert main(["load", "data"]) == 1
    said = capsys.readouterr().err
    assert (
        said.startswith("samgraph: the memory is not enough") and "916. MiB" in said and said.count("\n") == 1
    )


def test_what_importing_md_says_of_every_importer_s_options_is_so() -> None:
    text = (Path(__file__).parents[3] / "docs" / "importing.md").read_text(encoding="utf-8")
    context = click.Context(imports)
    options, shares = {}, {}
    for name in imports.list_commands(context):
        params = imports.get_command(context, name).params
        options[name] = {option for param in params for option in param.opts}
        shares[name] = next((param.default for param in params if "--shares" in param.opts), None)
    row = next(line for line in text.splitlines() if "--aliases FILE" in line)
    assert {name for name in options if f"`{name}`" in row} == {
        name for name, own in options.items() if "--aliases" not in own
    }
    assert "--tickers" in options["sec"] and "--ids" in options["tnic"]
    row = next(line for line in text.splitlines() if line.startswith("| `residual` (default"))
    assert {name for name in options if f"`{name}`" in row} == {
        name for name, policy in shares.items() if policy not in (None, "residual")
    }
