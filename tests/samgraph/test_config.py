from __future__ import annotations

import datetime as dt
import os
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samgraph.config import load_config
from samgraph.config_text import to_toml
from samgraph.errors import ConfigError

NEEDED = {"data": "d", "universe": "U", "start": "2020-01-01", "end": "2021-01-01"}


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_command_line_goes_before_the_file_and_the_file_before_defaults(tmp_path: Path) -> None:
    file = write(tmp_path / "c.toml", 'universe = "F"\nseeds = 7\n[windows]\ntrain_days = 99\n')
    config = load_config(file, NEEDED)
    assert (config.universe, config.seeds, config.windows.train_days) == ("U", 7, 99)
    assert config.windows.valid_days == load_config(None, NEEDED).windows.valid_days


def test_a_run_s_own_file_that_does_not_say_its_scaling_is_read_as_the_version_that_wrote_it_did(
    tmp_path: Path,
) -> None:
    file, manifest = tmp_path / "config.toml", tmp_path / "manifest.json"

    def scaling(text: str, kept: str, name: str = "config.toml") -> str | None:
        manifest.write_text(kept, encoding="utf-8")
        return load_config(write(tmp_path / name, text), NEEDED).model.scaling

    silent, older = "[model]\nepochs = 3\n", '{"config": {"model": {"scaling": null}}}'
    assert scaling(silent, older) == "day" and load_config(file, NEEDED).model.epochs == 3
    assert scaling("seeds = 2\n", '{"config": {"model": {}}}') == "day"
    (tmp_path / "link.toml").symlink_to(file)
    assert load_config(tmp_path / "link.toml", NEEDED).model.scaling == "day"
    for text in ('[model]\nscaling = "training"\n', to_toml(load_config(None, NEEDED))):
        assert scaling(text, older) == "training"
    assert scaling(silent, '{"config": {"model": {"scaling": "training"}}}') == "training"
    assert scaling(silent, older, "mine.toml") == "training"
    for stranger in (
        "",
        "[" * 200_000,
        "[]",
        '{"name": "an app"}',
        '{"config": 3}',
        '{"config": {"model": 3}}',
    ):
        assert scaling(silent, stranger) == "training"
    manifest.unlink()
    assert load_config(file, NEEDED).model.scaling == "training"
    with pytest.raises(ConfigError, match="model"):
        load_config(write(file, "model = 3\n"), NEEDED)


@given(
    seeds=st.integers(1, 100),
    top=st.none() | st.integers(1, 500),
    cost=st.floats(0, 0.01),
    universe=st.text(min_size=1).filter(lambda s: s.isprintable()),
    start=st.dates(dt.date(1990, 1, 1), dt.date(2020, 1, 1)),
)
def test_resolved_settings_written_as_toml_read_back_as_the_same_settings(
    tmp_path_factory: pytest.TempPathFactory,
    seeds: int,
    top: int | None,
    cost: float,
    universe: str,
    start: dt.date,
) -> None:
    settings = NEEDED | {
        "seeds": seeds,
        "universe": universe,
        "start": start,
        "trading": {"top": top, "buy_cost": cost},
    }
    config = load_config(None, settings)
    file = write(tmp_path_factory.mktemp("c") / "c.toml", to_toml(config))
    assert load_config(file, {}) == config


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sede = 1", "the key sede is unknown; did you mean seed?"),
        ("[model]\nepoch = 3", "the key model.epoch is unknown; did you mean epochs?"),
        ("[windows]\ntrain_days = 'many'", "windows.train_days = 'many'"),
        ("[trading]\nlag = 0", "portfolio setting lag is 0"),
        ("seeds = [", "not valid TOML"),
        ("start = 2022-01-01", "end 2021-01-01 is not after start 2022-01-01"),
        ("variants = ['gru']", "variants must name product"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_and_what_is_known(
    tmp_path: Path, text: str, says: str
) -> None:
    overrides = {k: v for k, v in NEEDED.items() if not text.startswith(k)}
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path / "c.toml", text), overrides)
    assert says in str(error.value)


def test_missing_setting_and_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="universe is needed"):
        load_config(None, {k: v for k, v in NEEDED.items() if k != "universe"})
    with pytest.raises(ConfigError, match=r"absent\.toml cannot be read"):
        load_config(tmp_path / "absent.toml", NEEDED)


def test_a_password_in_a_configuration_is_neither_copied_nor_shown(tmp_path: Path) -> None:
    file = write(tmp_path / "c.toml", "[neo4j]\npassword = 'hunter2secret'\n")
    file.chmod(0o600)
    config = load_config(file, NEEDED)
    assert config.neo4j.password is not None
    assert config.neo4j.password.get_secret_value() == "hunter2secret"
    for text in (to_toml(config), repr(config), config.model_dump_json()):
        assert "hunter2secret" not in text


@pytest.mark.parametrize(
    "text",
    [
        "[neo4j]\npassword = 24681357\n",
        "[neo4j]\npassword = ['24681357']\n",
        "neo4j = 'bolt://neo4j:24681357@host'\n",
        "[neo4j]\nuri = 1\npassword = '24681357'\n",
        "[neo4j]\npasword = '24681357'\n",
        "[neo4j]\npassword = 24681357 '\n",
    ],
)
def test_a_password_in_a_wrong_configuration_shows_in_no_message_and_no_traceback(
    tmp_path: Path, text: str
) -> None:
    file = write(tmp_path / "c.toml", text)
    file.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        load_config(file, NEEDED)
    assert "24681357" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.skipif(os.name != "posix", reason="files have owners and modes on POSIX systems")
def test_a_configuration_with_a_password_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "c.toml", "[neo4j]\npassword = 'hunter2secret'\n")
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        load_config(file, NEEDED)
    assert "hunter2secret" not in str(caught.value)


def test_label_follows_the_portfolio_and_the_variant_keeps_its_own_settings() -> None:
    config = load_config(
        None, NEEDED | {"trading": {"lag": 2, "price": "open"}, "model": {"variant": "qlib"}}
    )
    hist = config.model.hist(config.trading)
    assert (hist.lag, hist.price, hist.encoder, hist.neighbours, hist.horizon) == (2, "open", "window", 1, 1)
