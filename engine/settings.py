"""Settings of an installation, read once from the environment (ANTAR_*)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from adapters.notifications.gateways import Gateway, read_gateways
from adapters.outbound.networks import Network, Policy
from engine.errors import SettingsError

Environment = Literal["sandbox", "production", "demo"]
# Names in ANTAR_…_URL that belong to Antar itself, not to an upstream.
CREDENTIAL_PREFIX = "ANTAR_CREDENTIAL_"  # of variables with the credentials that `antar facility credentials` stores
RESERVED_NAMES = {"database", "broker", "test_database", "test_broker", "public", "smtp"}
REACHABLE_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - the wildcard address is only for listening
WEBHOOK_NETWORKS, ALERT_NETWORKS = "ANTAR_WEBHOOK_NETWORKS", "ANTAR_ALERT_NETWORKS"
NETWORKS = {"public": Network.PUBLIC, "private": Network.PRIVATE, "loopback": Network.LOOPBACK}
DATABASES = ("sqlite", "postgresql", "postgres")  # what an address of a database may begin with
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Settings that differ between installations."""

    environment: Environment = "sandbox"
    database_url: str = "sqlite:///var/antar.sqlite3"
    broker_url: str = "memory://"
    # Fernet keys, the newest first; older keys only decrypt (rotation).
    secret_keys: tuple[str, ...] = field(default=(), repr=False)
    config_dir: Path = ROOT / "config"
    host: str = "127.0.0.1"
    port: int = 8000
    sandbox_port: int = 8100
    # Upstream name -> scheme, host and port.
    addresses: Mapping[str, str] = field(default_factory=dict)
    log_level: str = "INFO"
    trusted_proxies: str = "127.0.0.1"
    # Days for which bodies are kept at most; limits the retention that entries declare.
    bodies_days: int | None = None
    # A request to /metrics with this token reads the figures of all clinics.
    metrics_token: str = field(default="", repr=False)
    metrics_port: int | None = None  # the port of a worker's own metrics
    public_url: str = ""  # the panel's address for people, for links in alerts
    smtp_url: str = field(default="", repr=False)
    smtp_from: str = ""
    # Networks in which a clinic's webhook may be; private, because its HIS is in the clinic's network.
    webhook_networks: Network = Network.PRIVATE
    # Networks in which a webhook or mail server for alerts may be.
    alert_networks: Network = Network.PUBLIC
    gateways: Mapping[str, Gateway] = field(default_factory=dict)  # to WhatsApp, by name

    @property
    def panel(self) -> str:
        """Address of the panel without a slash at its end."""
        return self.public_url or f"http://{REACHABLE_HOSTS.get(self.host, self.host)}:{self.port}"

    @property
    def webhook_policy(self) -> Policy:
        return Policy(self.webhook_networks, WEBHOOK_NETWORKS)

    @property
    def alert_policy(self) -> Policy:
        return Policy(self.alert_networks, ALERT_NETWORKS)


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from ANTAR_*; raises SettingsError that names the variable."""
    environment = environ.get("ANTAR_ENVIRONMENT", "sandbox")
    if environment not in get_args(Environment):
        raise SettingsError(f"ANTAR_ENVIRONMENT is {environment!r}; use one of {', '.join(get_args(Environment))}")
    config_dir = config_directory(environ)
    return Settings(
        environment=environment,  # type: ignore[arg-type]
        database_url=_database_url(environ),
        broker_url=environ.get("ANTAR_BROKER_URL", Settings.broker_url),
        secret_keys=_secret_keys(environ),
        config_dir=config_dir,
        host=environ.get("ANTAR_HOST", Settings.host),
        port=_port(environ, "ANTAR_PORT", Settings.port),
        sandbox_port=_port(environ, "ANTAR_SANDBOX_PORT", Settings.sandbox_port),
        addresses=_addresses(config_dir, environment, environ),
        log_level=_log_level(environ),
        trusted_proxies=environ.get("ANTAR_TRUSTED_PROXIES", Settings.trusted_proxies),
        bodies_days=_days(environ, "ANTAR_BODIES_DAYS"),
        metrics_token=environ.get("ANTAR_METRICS_TOKEN", ""),
        metrics_port=_port(environ, "ANTAR_METRICS_PORT", 0) if environ.get("ANTAR_METRICS_PORT") else None,
        public_url=environ.get("ANTAR_PUBLIC_URL", "").rstrip("/"),
        smtp_url=environ.get("ANTAR_SMTP_URL", ""),
        smtp_from=environ.get("ANTAR_SMTP_FROM", ""),
        webhook_networks=_networks(environ, WEBHOOK_NETWORKS, Settings.webhook_networks),
        gateways=gateways_in(config_dir),
        alert_networks=_networks(environ, ALERT_NETWORKS, Settings.alert_networks),
    )


def config_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the configuration; reads no other variable."""
    return Path(environ.get("ANTAR_CONFIG_DIR", Settings.config_dir))


def gateways_in(config_dir: Path) -> dict[str, Gateway]:
    """Read gateways.yaml of a configuration; raises SettingsError."""
    path = config_dir / "gateways.yaml"
    try:
        return read_gateways(yaml.safe_load(path.read_text("utf-8")) or {} if path.exists() else {})
    except (ValueError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _secret_keys(environ: Mapping[str, str]) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in environ.get("ANTAR_SECRET_KEY", "").split(",") if key.strip())
    if not keys:
        raise SettingsError(
            "ANTAR_SECRET_KEY is not set; it encrypts the clinics' credentials. Make one with `antar key secret`"
        )
    return keys


def _database_url(environ: Mapping[str, str]) -> str:
    """Return the database's address; its value is never part of an error, because it may hold a password."""
    text = environ.get("ANTAR_DATABASE_URL") or Settings.database_url
    try:
        name = make_url(text).get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise SettingsError("ANTAR_DATABASE_URL is no address; use sqlite:///FILE or postgresql://…") from error
    if name not in DATABASES:
        raise SettingsError(
            f"ANTAR_DATABASE_URL begins with {name!r}, a database that Antar does not know; "
            "use sqlite:///FILE or postgresql://USER@HOST/NAME"
        )
    return text


def _log_level(environ: Mapping[str, str]) -> str:
    level = environ.get("ANTAR_LOG_LEVEL", Settings.log_level).upper()
    if level not in LOG_LEVELS:
        raise SettingsError(f"ANTAR_LOG_LEVEL is {level!r}; use one of {', '.join(LOG_LEVELS)}")
    return level


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, str(default))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingsError(f"{name} is {text!r}; use a port number from 1 to 65535")
    return int(text)


def _networks(environ: Mapping[str, str], name: str, default: Network) -> Network:
    text = environ.get(name, "")
    if text and text not in NETWORKS:
        raise SettingsError(f"{name} is {text!r}; use one of {', '.join(NETWORKS)} (each allows those before it too)")
    return NETWORKS[text] if text else default


def _days(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "")
    if text and not (text.isdecimal() and int(text) > 0):
        raise SettingsError(f"{name} is {text!r}; use a number of days from 1, or leave it out")
    return int(text) if text else None


def _addresses(config_dir: Path, environment: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Read the addresses of config/environments.yaml; ANTAR_<UPSTREAM>_URL replaces one outside production."""
    path = config_dir / "environments.yaml"
    environments: dict[str, Any] = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    addresses = dict(environments.get(environment) or {})
    for name, value in environ.items():
        if not (name.startswith("ANTAR_") and name.endswith("_URL")) or name.startswith(CREDENTIAL_PREFIX):
            continue
        upstream = name.removeprefix("ANTAR_").removesuffix("_URL").lower()
        if upstream in RESERVED_NAMES:
            continue
        if environment == "production":
            raise SettingsError(f"{name} is not allowed in production; remove it")
        addresses[upstream] = value
    return {upstream: address.rstrip("/") for upstream, address in addresses.items()}
