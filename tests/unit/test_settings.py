import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from sololine.core.claim import Policy
from sololine.settings import Settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is set, and no file of the developer's is near."""
    for name in list(os.environ):
        if name.upper().startswith("SOLOLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_nothing_has_to_be_set(tmp_path: Path) -> None:
    settings = Settings()

    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.data_dir == tmp_path / "sololine-data"
    assert settings.store_url == f"sqlite+aiosqlite:///{tmp_path}/sololine-data/sololine.sqlite3"
    assert settings.conflict_policy is Policy.REFUSE
    assert (settings.only, settings.log_level) == ("all", "info")
    assert (settings.api_key, settings.redis_url, settings.region) == (None, None, None)


def test_every_setting_comes_from_a_variable_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "host": "0.0.0.0",
        "port": "0",
        "data_dir": "/srv/data",
        "database_url": "postgresql://localhost/x",
        "redis_url": "redis://localhost",
        "api_key": "hunter2",
        "conflict_policy": "replace",
        "auto_restart": "true",
        "region": " es ",
        "language": "es",
        "media_at_arrival": "true",
        "media_max_bytes": "2048",
        "sends_per_minute": "0",
        "attempts_kept_days": "7",
        "allow_private_addresses": "true",
        "allowed_origins": '["https://example.com"]',
        "only": "web",
        "log_level": "debug",
        "log_format": "json",
        "log_requests": "true",
        "metrics_key": "hunter3",
    }
    assert given.keys() == Settings.model_fields.keys()
    for name, value in given.items():
        monkeypatch.setenv(f"SOLOLINE_{name.upper()}", value)

    settings = Settings()

    assert settings.api_key is not None
    assert settings.metrics_key is not None
    keys = {"api_key", "metrics_key"}
    assert settings.model_dump(exclude=keys) == {
        **{name: value for name, value in given.items() if name not in keys},
        "port": 0,
        "data_dir": Path("/srv/data"),
        "conflict_policy": Policy.REPLACE,
        "auto_restart": True,
        "region": "ES",
        "media_at_arrival": True,
        "media_max_bytes": 2048,
        "sends_per_minute": 0,
        "attempts_kept_days": 7,
        "allow_private_addresses": True,
        "allowed_origins": ("https://example.com",),
        "log_requests": True,
    }
    assert settings.api_key.get_secret_value() == "hunter2"
    assert settings.metrics_key.get_secret_value() == "hunter3"
    assert settings.store_url == "postgresql://localhost/x"


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_variable_that_is_set_to_nothing_is_not_set(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As compose files and unit files do with what their user left out."""
    bare = Settings()
    monkeypatch.setenv(f"SOLOLINE_{name.upper()}", "")

    assert Settings() == bare


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "eighty"),
        ("port", "-1"),
        ("port", "65536"),
        ("conflict_policy", "newest"),
        ("only", "api"),
        ("log_level", "loud"),
        ("region", "Spain"),
        ("region", "E1"),
        ("region", "ÑÑ"),
        ("region", "UK"),  # it is GB: a code that phone numbers do not know would do nothing
    ],
)
def test_a_wrong_value_is_refused_by_its_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SOLOLINE_{name.upper()}", value)

    with pytest.raises(ValidationError) as raised:
        Settings()

    (error,) = raised.value.errors()
    assert error["loc"] == (name,)


def test_a_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("SOLOLINE_DATA_DIR", "~/data")

    assert Settings().data_dir == Path("/home/ada/data")


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLOLINE_TEST_POSTGRES_URL", "postgresql://")
    monkeypatch.setenv("PORT", "1")

    assert Settings().port == 8080


def test_no_key_shows_when_settings_are_printed() -> None:
    assert "hunter" not in repr(Settings(api_key="hunter2", metrics_key="hunter3"))


def test_settings_do_not_change_while_a_service_runs() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_described(name: str) -> None:
    description = Settings.model_fields[name].description

    assert description is not None
    assert description.endswith(".")
