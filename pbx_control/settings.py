"""The settings of one home: pbx.toml, each overridden by the environment (`PBX_SIP__BIND` for `[sip] bind`)."""

import os
import pwd
import re
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from pbx_control.domain import checks
from pbx_control.domain.quota import Limits
from pbx_control.errors import ClientMistake

# A home's path appears in Asterisk's configuration files, where these characters mean nothing special.
SAFE_HOME = re.compile(r"[A-Za-z0-9/._+@-]+")


def _email_or_empty(value: str) -> str:
    try:
        return checks.email(value) if value else ""
    except ClientMistake:
        raise ValueError("must be an e-mail address, or empty") from None


# Where Debian keeps whom it trusts: the machine's own Asterisk finds it there, and one of ours in its root, too.
SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Database(Section):
    url: str = ""  # empty: sqlite in the home


class AsteriskSettings(Section):
    runtime: Literal["auto", "system", "container", "rootfs", "external"] = "auto"
    http_port: int = Field(8088, ge=1, le=65535)
    ami_port: int = Field(5038, ge=1, le=65535)


class Sip(Section):
    bind: str = "0.0.0.0:5060"
    tls_bind: str = ""
    certificate: str = ""
    key: str = ""
    ca_file: str = SYSTEM_CA  # whom carriers' certificates must come from
    rtp_ports: str = "10000-20000"
    external_address: str = ""
    local_networks: list[str] = []

    @field_validator("bind")
    @classmethod
    def _address_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        ip_address(host.strip("[]"))
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("must be ADDRESS:PORT, for example 0.0.0.0:5060")
        return value

    @field_validator("rtp_ports")
    @classmethod
    def _range(cls, value: str) -> str:
        low, _, high = value.partition("-")
        if not (low.isdecimal() and high.isdecimal() and 1024 <= int(low) < int(high) < 65536):
            raise ValueError("must be LOW-HIGH, for example 10000-20000")
        return value

    @property
    def address(self) -> str:
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.bind.rpartition(":")[2])


class Web(Section):
    bind: str = "127.0.0.1:8080"
    public_url: str = ""


class Mail(Section):
    host: str = "127.0.0.1"
    port: int = Field(25, ge=1, le=65535)
    user: str = ""
    password: str = ""
    tls: Literal["none", "starttls", "tls"] = "starttls"
    sender: str = "pbx-control@localhost"
    reply_to: str = ""  # where clients' answers are read; empty: letters do not ask for any

    @field_validator("reply_to")
    @classmethod
    def _mailbox(cls, value: str) -> str:
        return _email_or_empty(value)


class Telegram(Section):
    token: str = ""
    base_url: str = "https://api.telegram.org/bot"


class OfficeSettings(Section):
    name: str = "Secretariado"
    timezone: str = "America/Santiago"
    language: Literal["es", "en"] = "es"
    transfer_cap: int = Field(600, ge=10, le=600)  # seconds; the contract's ten minutes are the most (rule 9)
    alarms_to: str = ""  # e-mail address of the admin; empty: alarms are in the log only

    @field_validator("alarms_to")
    @classmethod
    def _mailbox(cls, value: str) -> str:
        return _email_or_empty(value)

    @property
    def cap(self) -> timedelta:
        """How long a transferred conversation may last."""
        return timedelta(seconds=self.transfer_cap)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            return checks.timezone(value)
        except ClientMistake:
            raise ValueError("must be a time zone of the IANA list, for example America/Santiago") from None


class Billing(Section):
    """Who issues the invoices; while there is no RUT, none are issued."""

    issuer_name: str = ""  # razón social; empty: the office's name
    issuer_rut: str = ""
    issuer_business: str = ""  # giro
    issuer_address: str = ""
    bags: str = "25,50,100"  # sizes on offer, calls

    @field_validator("issuer_rut")
    @classmethod
    def _rut(cls, value: str) -> str:
        try:
            return checks.rut(value)
        except ClientMistake:
            raise ValueError("must be a RUT, for example 76.086.428-5, or empty") from None

    @field_validator("bags")
    @classmethod
    def _sizes(cls, value: str) -> str:
        sizes = [size.strip() for size in value.split(",")]
        if not all(size.isascii() and size.isdecimal() and 0 < int(size[:7]) <= 100_000 for size in sizes):
            raise ValueError("must be numbers of calls, for example 25,50,100")
        return value

    @property
    def bag_sizes(self) -> tuple[int, ...]:
        """The bags on offer, in calls."""
        return tuple(int(size) for size in self.bags.split(","))


class PlanSettings(Section):
    """When a client is told that its calls run out; what it is then offered is in [billing]."""

    warn_percent: int = Field(80, ge=1, le=100)  # of the period's calls are used
    warn_last: int = Field(5, ge=0)  # so many calls are left

    @property
    def limits(self) -> Limits:
        return Limits(self.warn_percent, self.warn_last)


class Backup(Section):
    """Where the nightly copies lie, and how many of them."""

    folder: str = ""  # empty: HOME/backups
    keep: int = Field(14, ge=1)


class Secrets(Section):
    """Made once by `setup`; never shown, never changed by hand while Asterisk runs."""

    ari_password: str = ""
    ami_password: str = ""


class Settings(BaseSettings):
    """Everything in pbx.toml. Unknown keys in the file are refused; `doctor` lists unknown PBX_* variables."""

    model_config = SettingsConfigDict(
        env_prefix="PBX_", env_nested_delimiter="__", extra="forbid", frozen=True, toml_file=None
    )

    database: Database = Database()
    asterisk: AsteriskSettings = AsteriskSettings()
    sip: Sip = Sip()
    web: Web = Web()
    mail: Mail = Mail()
    telegram: Telegram = Telegram()
    office: OfficeSettings = OfficeSettings()
    billing: Billing = Billing()
    plans: PlanSettings = PlanSettings()
    backup: Backup = Backup()
    secrets: Secrets = Secrets()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


@dataclass(frozen=True, slots=True)
class Home:
    """One installation's folder: where each thing lies. Asterisk sees it under the same path in every runtime."""

    root: Path

    @property
    def settings_file(self) -> Path:
        return self.root / "pbx.toml"

    @property
    def asterisk(self) -> Path:
        return self.root / "asterisk"

    @property
    def recordings(self) -> Path:
        return self.root / "recordings"

    @property
    def documents(self) -> Path:
        """What is made for clients and goes out with letters: reports, invoices."""
        return self.root / "documents"

    @property
    def prompts(self) -> Path:
        return self.root / "prompts"

    @property
    def run(self) -> Path:
        return self.root / "run"

    def backups(self, settings: Settings) -> Path:
        """Where the nightly copies lie; a folder that is written without a slash before it lies in the home."""
        return self.root / (settings.backup.folder or "backups")

    def database_url(self, settings: Settings) -> str:
        return settings.database.url or f"sqlite:///{self.root / 'pbx.db'}"


def find_home(option: str | None = None) -> Home:
    """The home that `--home`, `$PBX_HOME` or `./var` names, absolute.

    Raises ClientMistake if its path has characters that Asterisk's configuration cannot carry.
    """
    root = Path(option or os.environ.get("PBX_HOME") or "var").absolute()
    if not SAFE_HOME.fullmatch(str(root)):
        raise ClientMistake(
            "the home {root} cannot be used: its path may hold only letters, digits and / . _ + @ -", root=root
        )
    return Home(root)


def require_owner(home: Home) -> None:
    """Raises ClientMistake if root is about to change another user's home: what root leaves there locks him out."""
    if os.geteuid() != 0 or not home.root.is_dir() or (owner := home.root.stat().st_uid) == 0:
        return
    try:
        user = pwd.getpwuid(owner).pw_name
    except KeyError:
        user = str(owner)
    raise ClientMistake(
        "the home {home} is {user}'s: run it as that user: runuser -u {user} -- pbx-control …",
        home=home.root,
        user=user,
    )


def load(home: Home) -> Settings:
    """The settings of a home that `setup` has made.

    Raises ClientMistake, naming the file and the key, if they cannot be read or make no sense.
    """
    try:
        values = _read(home.settings_file)
        return Settings(**values)
    except FileNotFoundError:
        raise ClientMistake(
            "there is no {file}: run `pbx-control setup` first, or name the home with --home", file=home.settings_file
        ) from None
    except OSError as error:
        raise ClientMistake("{file} cannot be read: {why}", file=home.settings_file, why=error.strerror) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ClientMistake(
            "the setting {key} is wrong: {why}; mend it in {file} or in the environment",
            key=key,
            why=first["msg"].removeprefix("Value error, "),
            file=home.settings_file,
        ) from None


def defaults() -> Settings:
    """The settings before a home has a file: defaults and the environment."""
    return Settings()


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        try:
            return tomllib.load(file)
        except ValueError as error:  # no TOML, or no UTF-8
            raise ClientMistake("{file} is not valid TOML: {why}", file=path, why=error) from None
