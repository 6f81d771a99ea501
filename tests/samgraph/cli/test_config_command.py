"""`samgraph config`, `samgraph completion` and `--quiet`."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from samgraph.cli import COMMANDS, main
from samgraph.config import RunConfig, load_config
from samgraph.hist.config import variant

NEEDED = 'data = "d"\nuniverse = "U"\nstart = 2020-01-01\nend = 2021-01-01\n'


def test_the_written_file_is_the_defaults_once_what_is_needed_is_given(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    assert main(["config", "init", str(file)]) == 0
    file.write_text(NEEDED + file.read_text(encoding="utf-8"), encoding="utf-8")
    plain = tmp_path / "plain.toml"
    plain.write_text(NEEDED, encoding="utf-8")
    assert load_config(file, {}) == load_config(plain, {})


def test_the_written_file_names_every_setting_with_its_meaning(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    assert main(["config", "init", str(file)]) == 0
    lines = file.read_text(encoding="utf-8").splitlines()
    for name, field in RunConfig.model_fields.items():
        if field.description:
            assert any(line.lstrip("# ").startswith(f"{name} =") and "  # " in line for line in lines), name
        else:
            section = field.default
            assert f"[{name}]" in lines
            for key in type(section).model_fields:
                assert any(line.lstrip("# ").startswith(f"{key} =") and "  # " in line for line in lines), key


def test_what_the_file_shows_for_the_model_is_what_the_default_variant_has(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    assert main(["config", "init", str(file)]) == 0
    model = file.read_text(encoding="utf-8").split("[model]\n")[1].split("\n\n")[0]
    shown = tomllib.loads(
        "\n".join(line.removeprefix("# ") for line in model.splitlines() if "=  # " not in line)
    )
    known = variant("samgraph")
    assert len(shown) > 5
    assert {key: value for key, value in shown.items() if key != "variant"} == {
        key: list(value) if isinstance(value := getattr(known, key), tuple) else value
        for key in shown
        if key != "variant"
    }


def test_a_file_that_is_there_is_replaced_only_by_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.toml"
    file.write_text("seeds = 3\n", encoding="utf-8")
    assert main(["config", "init", str(file)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == "seeds = 3\n"
    assert main(["config", "init", "--force", str(file)]) == 0
    assert "train_days" in file.read_text(encoding="utf-8")


def test_check_prints_settings_that_read_back_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.toml"
    file.write_text(NEEDED + "seeds = 3\n", encoding="utf-8")
    assert main(["config", "check", str(file)]) == 0
    again = tmp_path / "again.toml"
    again.write_text(capsys.readouterr().out, encoding="utf-8")
    assert load_config(again, {}) == load_config(file, {})


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_samgraph(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"_SAMGRAPH_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_the_shell_completes_commands_and_options() -> None:
    def completed(words: str) -> list[str]:
        environment = os.environ | {
            "_SAMGRAPH_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        }
        program = Path(sys.executable).with_name("samgraph")
        done = subprocess.run(
            [program], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return [line.split(",")[1] for line in done.stdout.splitlines()]

    assert set(completed("samgraph ")) == set(COMMANDS)
    assert "--as-of" in completed("samgraph pairs --as")


def test_quiet_says_nothing_but_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("samgraph.progress._quiet", False)  # set back when the test ends
    arguments = [
        "simulate",
        str(tmp_path / "d"),
        "--seed",
        "1",
        "--companies",
        "20",
        "--products",
        "60",
        "--years",
        "1",
    ]
    assert main(arguments) == 0
    assert capsys.readouterr().err != ""
    arguments[1] = str(tmp_path / "e")
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["report", str(tmp_path / "no"), "--quiet"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
