"""Configuration: environment (PM__SECTION__NAME), then config/local.toml, then config/default.toml."""

from __future__ import annotations

import json
import os
import re
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "PM__"
DIRECTORY = Path(__file__).parent.parent / "config"

# What browsers send as Origin: lower case, and nothing behind the port.
ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+")

# A setting of the database; null: as it is there. Its range stands there.
Setting = Annotated[int, Field(ge=-(2**31), lt=2**31)] | None


class ConfigError(Exception):
    """A wrong or missing value. The message names the variable, one line a variable."""


def _json(value: Any) -> Any:
    """What a variable of the environment holds as JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        raise PydanticCustomError("json", "Input should be JSON") from None


def _origin(value: str) -> str:
    if not ORIGIN.fullmatch(value):
        raise PydanticCustomError(
            "origin", "An origin should be * or like https://app.example, without a path or a slash at its end"
        )
    return value


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise PydanticCustomError("network", "Input should be addresses or networks, as 10.0.0.0/8") from None


class Section(BaseModel):
    """A section of the configuration; a name it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Server(Section):
    """The HTTP server."""

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    workers: PositiveInt
    max_body_bytes: PositiveInt
    max_concurrent_requests: PositiveInt
    request_timeout_seconds: PositiveFloat
    keep_alive_seconds: PositiveInt
    drain_seconds: NonNegativeFloat
    shutdown_timeout_seconds: PositiveInt
    metrics_max_groups: int = Field(ge=0, le=10_000)


class Database(Section):
    """The connection pool of each worker."""

    url: SecretStr = Field(min_length=1)
    min_connections: int = Field(ge=0)
    max_connections: PositiveInt
    idle_timeout_seconds: NonNegativeFloat
    connect_timeout_seconds: PositiveFloat
    statement_cache_size: int = Field(ge=0)
    replica_url: SecretStr | None = Field(None, min_length=1)
    replica_max_lag_seconds: float = Field(ge=2)

    @field_validator("max_connections")
    @classmethod
    def _holds_the_minimum(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("min_connections", 0):
            raise PydanticCustomError("minimum", f"Input should not be less than {PREFIX}DATABASE__MIN_CONNECTIONS")
        return value


class Logging(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["json", "pretty"]


class Security(Section):
    """Who may call."""

    cors_origins: Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_json)]
    trusted_proxies: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, BeforeValidator(_json)]
    metrics_username: str | None = Field(None, min_length=1, pattern=r"^[^:\x00-\x1f\x7f]*$")
    metrics_password: SecretStr | None = Field(None, min_length=1, validate_default=True)
    rate_limit_per_minute: Setting = None

    @field_validator("metrics_password")
    @classmethod
    def _goes_with_the_username(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "metrics_username" in info.data and (value is None) != (info.data["metrics_username"] is None):
            raise PydanticCustomError("pair", f"{PREFIX}SECURITY__METRICS_USERNAME goes with it, both or neither")
        return value


class Limits(Section):
    """Settings of the database; their ranges stand there."""

    max_devices_per_group: Setting = None
    max_batch_size: Setting = None
    location_retention_days: Setting = None
    audit_retention_days: Setting = None
    idempotency_ttl_hours: Setting = None
    max_clock_skew_seconds: Setting = None
    admin_rate_limit_per_minute: Setting = None
    privacy_rate_limit_per_hour: Setting = None


class Config(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    server: Server
    database: Database
    logging: Logging
    security: Security
    limits: Limits = Limits()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Reads the environment first, then the two files."""
        return (
            env_settings,
            TomlConfigSettingsSource(settings_cls, DIRECTORY / "local.toml"),
            TomlConfigSettingsSource(settings_cls, DIRECTORY / "default.toml"),
        )

    def database_settings(self) -> dict[str, int]:
        """The settings of the database that this configuration sets."""
        settings = self.limits.model_dump(exclude_none=True)
        if self.security.rate_limit_per_minute is not None:
            settings["rate_limit_per_minute"] = self.security.rate_limit_per_minute
        return settings


def setting_variable(name: str) -> str:
    """The variable that sets a setting of the database."""
    section = "SECURITY" if name == "rate_limit_per_minute" else "LIMITS"
    return f"{PREFIX}{section}__{name.upper()}"


def load() -> Config:
    """Reads and checks the configuration.

    Raises ConfigError with a line for each wrong value. The value itself is never shown: it may be a secret.
    """
    known = {f"{PREFIX}{section.upper()}" for section in Config.model_fields}
    for variable in sorted(os.environ):
        section, _, name = variable.removeprefix(PREFIX).partition("__")
        there_is_none = f"{PREFIX}{section.upper()}" not in known or not name or "__" in name
        if variable.upper().startswith(PREFIX) and there_is_none:
            raise ConfigError(f"{variable}: there is no such setting")
    try:
        return Config()  # type: ignore[call-arg]  # the fields come from the sources
    except ValidationError as error:
        lines = [
            f"{PREFIX}{'__'.join(map(str, found['loc'][:2])).upper()}: {_reason(found['type'], found['msg'])}"
            for found in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError("\n".join(dict.fromkeys(lines))) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{DIRECTORY / 'local.toml'}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{DIRECTORY / 'local.toml'}: cannot be read: {type(error).__name__}") from None


def _reason(kind: str, message: str) -> str:
    reasons = {
        "missing": "is required",
        "too_short": "is empty",
        "string_too_short": "is empty",
        "extra_forbidden": "there is no such setting",
    }
    return reasons.get(kind, message)
