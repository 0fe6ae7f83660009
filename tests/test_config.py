"""Configuration: where values come from, and what a wrong one does."""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from app import config
from tests.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Database

SECRET = "s3cret-pa55word"  # noqa: S105
URL = f"postgresql://user:{SECRET}@localhost:1/nowhere"
URL_VARIABLE = "PM__DATABASE__URL"
DATABASE_SETTINGS = {f"{config.PREFIX}LIMITS__{name.upper()}" for name in config.Limits.model_fields} | {
    "PM__SECURITY__RATE_LIMIT_PER_MINUTE"
}
METRICS_LOGIN = {"PM__SECURITY__METRICS_USERNAME", "PM__SECURITY__METRICS_PASSWORD"}
REPLICA = "PM__DATABASE__REPLICA_URL"
OPTIONAL_FIELDS = DATABASE_SETTINGS | METRICS_LOGIN | {REPLICA}

SECTIONS: dict[str, type[config.Section]] = {
    "SERVER": config.Server,
    "DATABASE": config.Database,
    "LOGGING": config.Logging,
    "SECURITY": config.Security,
    "LIMITS": config.Limits,
}


def variables() -> set[str]:
    """The variable of every field of the configuration."""
    assert set(SECTIONS) == {name.upper() for name in config.Config.model_fields}
    return {f"PM__{name}__{field}".upper() for name, section in SECTIONS.items() for field in section.model_fields}


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No PM__ variables but a URL, and no local.toml."""
    for name in list(os.environ):
        if name.upper().startswith(config.PREFIX):
            monkeypatch.delenv(name)
    (tmp_path / "default.toml").write_text((config.DIRECTORY / "default.toml").read_text())
    monkeypatch.setattr(config, "DIRECTORY", tmp_path)
    monkeypatch.setenv(URL_VARIABLE, URL)
    return monkeypatch


def error() -> str:
    with pytest.raises(config.ConfigError) as caught:
        config.load()
    return str(caught.value)


# Where values come from -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("clean")
def test_defaults() -> None:
    loaded = config.load()
    assert loaded.server.model_dump() == {
        "host": "127.0.0.1", "port": 8080, "workers": 1, "max_body_bytes": 1 << 20, "max_concurrent_requests": 1000,
        "request_timeout_seconds": 30, "keep_alive_seconds": 75, "drain_seconds": 1, "shutdown_timeout_seconds": 30,
        "metrics_max_groups": 100,
    }  # fmt: skip
    database = loaded.database.model_dump(exclude={"url"})
    assert database == {
        "min_connections": 5, "max_connections": 20, "idle_timeout_seconds": 600, "connect_timeout_seconds": 10,
        "statement_cache_size": 100, "replica_url": None, "replica_max_lag_seconds": 5,
    }  # fmt: skip
    assert loaded.database.url.get_secret_value() == URL
    assert (loaded.logging.level, loaded.logging.format) == ("info", "json")
    assert loaded.security.model_dump() == {
        "cors_origins": (), "trusted_proxies": (), "metrics_username": None, "metrics_password": None,
        "rate_limit_per_minute": None,
    }  # fmt: skip
    assert loaded.database_settings() == {}


def test_environment_over_local_file_over_default_file(clean: pytest.MonkeyPatch) -> None:
    (config.DIRECTORY / "local.toml").write_text(
        '[server]\nport = 1111\nworkers = 3\n[database]\nurl = "postgresql:///local"\n'
        '[security]\ncors_origins = ["https://a.example"]\n[limits]\nmax_batch_size = 7\n'
    )
    clean.setenv("PM__SERVER__PORT", "2222")
    clean.setenv("PM__LIMITS__MAX_CLOCK_SKEW_SECONDS", "60")
    loaded = config.load()
    assert (loaded.server.port, loaded.server.workers, loaded.server.host) == (2222, 3, "127.0.0.1")
    assert loaded.database.url.get_secret_value() == URL
    assert loaded.security.cors_origins == ("https://a.example",)
    assert loaded.database_settings() == {"max_batch_size": 7, "max_clock_skew_seconds": 60}

    clean.setenv("PM__SECURITY__CORS_ORIGINS", '["https://b.example", "http://localhost:3000"]')
    clean.delenv(URL_VARIABLE)
    loaded = config.load()
    assert loaded.security.cors_origins == ("https://b.example", "http://localhost:3000")
    assert loaded.database.url.get_secret_value() == "postgresql:///local"


@pytest.mark.usefixtures("clean")
def test_the_url_is_never_shown() -> None:
    loaded = config.load()
    assert SECRET not in repr(loaded)
    assert SECRET not in str(loaded.model_dump())


# Wrong values ---------------------------------------------------------------------------------------------------------


WRONG = {
    "PM__SERVER__HOST": [""],
    "PM__SERVER__PORT": ["eighty", "0", "65536", "80.5", "", "-1", "1e3"],
    "PM__SERVER__WORKERS": ["0", "-1", "two", "1.5"],
    "PM__SERVER__MAX_BODY_BYTES": ["0", "1 MiB"],
    "PM__SERVER__MAX_CONCURRENT_REQUESTS": ["0", "-1", "many"],
    "PM__SERVER__REQUEST_TIMEOUT_SECONDS": ["0", "-1", "30s", "nan"],
    "PM__SERVER__KEEP_ALIVE_SECONDS": ["0", "long"],
    "PM__SERVER__DRAIN_SECONDS": ["-0.1", "nan", "inf", ""],
    "PM__SERVER__SHUTDOWN_TIMEOUT_SECONDS": ["0", "1.5"],
    "PM__SERVER__METRICS_MAX_GROUPS": ["-1", "10001", "all"],
    "PM__DATABASE__URL": [""],
    "PM__DATABASE__MIN_CONNECTIONS": ["-1", "few"],
    "PM__DATABASE__MAX_CONNECTIONS": ["0", "many", "4"],
    "PM__DATABASE__IDLE_TIMEOUT_SECONDS": ["-1", "inf"],
    "PM__DATABASE__CONNECT_TIMEOUT_SECONDS": ["0", "soon"],
    "PM__DATABASE__STATEMENT_CACHE_SIZE": ["-1", "large"],
    "PM__DATABASE__REPLICA_URL": [""],
    "PM__DATABASE__REPLICA_MAX_LAG_SECONDS": ["1.9", "inf", "short"],
    "PM__LOGGING__LEVEL": ["loud", "INFO", ""],
    "PM__LOGGING__FORMAT": ["xml", ""],
    "PM__SECURITY__CORS_ORIGINS": [
        "https://a.example", "5", '"*"', "[1]", "", "[null]", '[""]', '["https://a.example/"]',
        '["https://b.example", "https://a.example/path"]', '["a.example"]', '["https://A.example"]', '["https://"]',
        '["https://a.example?x"]', '["https://a.example "]', '["https://a.example:443/"]', '["null"]',
    ],
    "PM__SECURITY__TRUSTED_PROXIES": [
        "10.0.0.1", '"10.0.0.1"', "[10]", '["*"]', '["10.0.0.1/8"]', '["10.0.0.0/33"]', '["proxy.example"]', '[""]', "",
    ],
    "PM__SECURITY__METRICS_USERNAME": ["", "a:b", "line\nline"],
    "PM__SECURITY__METRICS_PASSWORD": [""],
    **{variable: ["many", "1.5", "", "[]"] for variable in sorted(DATABASE_SETTINGS)},
}  # fmt: skip


@pytest.mark.parametrize(("variable", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_told_in_a_line_that_names_its_variable(
    clean: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    if variable in METRICS_LOGIN:
        for name in METRICS_LOGIN:
            clean.setenv(name, "good")
    clean.setenv(variable, value)
    line = error()
    assert re.fullmatch(rf"{variable}: [A-Zit]\S*.+", line)
    assert len(value) < 4 or value not in line


def test_json_nested_without_end(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("PM__SECURITY__CORS_ORIGINS", "[" * 100_000)
    assert error() == "PM__SECURITY__CORS_ORIGINS: Input should be JSON"


def test_wrong_values_are_tried_for_every_setting() -> None:
    assert set(WRONG) == variables()


def test_a_minimum_over_the_maximum(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("PM__DATABASE__MIN_CONNECTIONS", "21")
    assert error() == ("PM__DATABASE__MAX_CONNECTIONS: Input should not be less than PM__DATABASE__MIN_CONNECTIONS")
    clean.setenv("PM__DATABASE__MAX_CONNECTIONS", "21")
    assert config.load().database.min_connections == 21


@pytest.mark.parametrize("given", sorted(METRICS_LOGIN))
def test_the_login_of_the_metrics_is_both_or_neither(clean: pytest.MonkeyPatch, given: str) -> None:
    clean.setenv(given, SECRET)
    assert error() == ("PM__SECURITY__METRICS_PASSWORD: PM__SECURITY__METRICS_USERNAME goes with it, both or neither")
    for name in METRICS_LOGIN:
        clean.setenv(name, SECRET)
    security = config.load().security
    assert security.metrics_username == SECRET
    assert security.metrics_password is not None
    assert security.metrics_password.get_secret_value() == SECRET
    assert f"metrics_password=SecretStr('{SECRET}" not in repr(security)


def test_lists(clean: pytest.MonkeyPatch) -> None:
    clean.setenv(
        "PM__SECURITY__CORS_ORIGINS", '["*", "http://localhost:3000", "capacitor://localhost", "http://[::1]:80"]'
    )
    clean.setenv("PM__SECURITY__TRUSTED_PROXIES", '["10.0.0.1", "192.168.0.0/16", "::1", "fd00::/8"]')
    security = config.load().security
    assert security.cors_origins == ("*", "http://localhost:3000", "capacitor://localhost", "http://[::1]:80")
    assert security.trusted_proxies == ("10.0.0.1/32", "192.168.0.0/16", "::1/128", "fd00::/8")


def test_every_wrong_value_has_its_line(clean: pytest.MonkeyPatch) -> None:
    clean.delenv(URL_VARIABLE)
    clean.setenv("PM__SERVER__PORT", "x")
    clean.setenv("PM__LOGGING__LEVEL", "x")
    names = [line.partition(":")[0] for line in error().splitlines()]
    assert sorted(names) == [URL_VARIABLE, "PM__LOGGING__LEVEL", "PM__SERVER__PORT"]


def test_a_missing_value(clean: pytest.MonkeyPatch) -> None:
    clean.delenv(URL_VARIABLE)
    assert error() == "PM__DATABASE__URL: is required"


@pytest.mark.parametrize(
    "variable",
    ["PM__SERVER__PROT", "PM__SERVR__PORT", "PM__PORT", "PM__SERVER", "PM__", "pm__server__prot",
     "PM__LIMITS__RATE_LIMIT_PER_MINUTE"],
)  # fmt: skip
def test_an_unknown_variable(clean: pytest.MonkeyPatch, variable: str) -> None:
    clean.setenv(variable, SECRET)
    assert error() == f"{variable}: there is no such setting"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[server]\nprot = 1", "PM__SERVER__PROT: there is no such setting"),
        ("[servr]\nport = 1", "PM__SERVR: there is no such setting"),
        ("port = 1", "PM__PORT: there is no such setting"),
        (f"[database]\nurl = {SECRET}", "local.toml: Invalid value (at line 2, column 7)"),
        (f'[database]\nurl = ["{SECRET}"]', "PM__DATABASE__URL: Input should be a valid string"),
        ("# \udcff", "local.toml: cannot be read: UnicodeDecodeError"),
    ],
)
def test_a_wrong_local_file(clean: pytest.MonkeyPatch, text: str, expected: str) -> None:
    clean.delenv(URL_VARIABLE)
    text += "" if "database" in text else f'\n[database]\nurl = "{URL}"'
    (config.DIRECTORY / "local.toml").write_bytes(text.encode(errors="surrogateescape"))
    line = error()
    assert line.endswith(expected)
    assert "\n" not in line


# The lists of all settings --------------------------------------------------------------------------------------------


def test_env_example_lists_every_setting_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text()
    listed = re.findall(r"^(#?)(PM__[A-Z_]+)=(.*)$", text, re.MULTILINE)
    assert len(listed) == len({name for _, name, _ in listed})
    assert {name for _, name, _ in listed} == variables()
    assert {name for mark, name, _ in listed if mark} == OPTIONAL_FIELDS, "what has no default is commented out"
    defaults = tomllib.loads((ROOT / "config" / "default.toml").read_text())
    for mark, name, value in listed:
        section, field = name.removeprefix("PM__").lower().split("__")
        if not mark and name != URL_VARIABLE:
            default = defaults[section][field]
            assert value == ("[]" if default == [] else str(default)), name


def test_the_default_file_has_every_setting_with_a_default() -> None:
    defaults = tomllib.loads((ROOT / "config" / "default.toml").read_text())
    named = {f"PM__{section}__{field}".upper() for section, fields in defaults.items() for field in fields}
    assert named == variables() - OPTIONAL_FIELDS - {URL_VARIABLE}


async def test_every_setting_of_the_database_has_a_variable(database: Database) -> None:
    rows = await database.fetch("select name, default_value from admin.show_settings()")
    assert {config.setting_variable(row["name"]) for row in rows} == DATABASE_SETTINGS
    text = (ROOT / ".env.example").read_text()
    for row in rows:
        assert f"#{config.setting_variable(row['name'])}={row['default_value']}\n" in text


def table(heading: str) -> list[list[str]]:
    """The cells of the table that stands in docs/settings.md below a heading, without backticks."""
    text = (ROOT / "docs" / "settings.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [
        [cell.strip(" `") for cell in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]


def test_the_documentation_lists_every_variable_with_its_default() -> None:
    defaults = tomllib.loads((ROOT / "config" / "default.toml").read_text())
    expected = {
        f"PM__{section}__{field}".upper(): str(value)
        for section, fields in defaults.items()
        for field, value in fields.items()
    }
    rows = table("Of the API")
    assert {name: default for name, default, *_ in rows} == {
        **expected, URL_VARIABLE: "required", **dict.fromkeys(METRICS_LOGIN | {REPLICA}, "none"),
    }  # fmt: skip
    assert len(rows) == len(variables() - DATABASE_SETTINGS)
    assert all(len(row) == 4 and all(row) for row in rows)
    for name, _, allowed, _ in rows:
        if bounds := re.fullmatch(r"(\d+) (?:to (\d+)|or more)", allowed):
            section, field = name.removeprefix("PM__").split("__")
            schema = SECTIONS[section].model_json_schema()["properties"][field.lower()]
            lowest = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
            assert (lowest, schema.get("maximum")) == (int(bounds[1]), int(bounds[2]) if bounds[2] else None), name


async def test_the_documentation_lists_every_setting_of_the_database(database: Database) -> None:
    rows = await database.fetch("select * from admin.show_settings()")
    assert table("Of the database") == [
        [
            row["name"],
            str(row["default_value"]),
            row["allowed"],
            config.setting_variable(row["name"]),
            row["description"],
        ]
        for row in rows
    ]
