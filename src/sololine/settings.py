"""The settings: read once at the start, from the environment, all named `SOLOLINE_…`."""

from pathlib import Path
from typing import Literal

import phonenumbers
from pydantic import Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sololine.core.claim import Policy
from sololine.languages import Language


class Settings(BaseSettings):
    """What an operator can choose; `docs/howto/settings.md` explains each one."""

    model_config = SettingsConfigDict(
        env_prefix="SOLOLINE_",
        env_ignore_empty=True,  # an empty host, say, would listen on every interface
        extra="ignore",
        frozen=True,
    )

    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(
        default=8080, ge=0, le=65535, description="Port of the API; 0 takes a free one."
    )
    data_dir: Path = Field(
        default=Path("sololine-data"),
        description="Folder of the SQLite database, the credentials and the keys. Keep it private.",
    )
    database_url: str | None = Field(
        default=None,
        description="postgresql://… for production; the default is SQLite in the data folder.",
    )
    redis_url: str | None = Field(
        default=None,
        description="redis://… to connect several processes; without it one process works alone.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="Key of the tenant 'default'; made and kept in the data folder when left out.",
    )
    conflict_policy: Policy = Field(
        default=Policy.REFUSE,
        description="When a bot links a number that another bot of its tenant has: "
        "refuse the newcomer, or let it replace the other one.",
    )
    auto_restart: bool = Field(
        default=False,
        description="Begin a linking window anew when nobody scanned within five minutes, "
        "for an hour at most; a request may choose for itself.",
    )
    region: str | None = Field(
        default=None,
        description="Country (two letters) whose numbers may be written without country code.",
    )
    language: Language = Field(
        default=Language.ENGLISH,
        description="Language of answers to whoever asks for none: en, es, pt or id.",
    )
    media_at_arrival: bool = Field(
        default=False,
        description="Fetch the files of received messages at once, and not only when asked for.",
    )
    media_max_bytes: int = Field(
        default=64 * 2**20,
        ge=2**10,
        le=512 * 2**20,
        description="Largest file that is accepted, fetched or sent.",
    )
    sends_per_minute: int = Field(
        default=60,
        ge=0,
        le=6000,
        description="Messages that one bot sends in a minute at most, against bans; 0: no limit.",
    )
    attempts_kept_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="Days for which attempts to connect are kept, for statistics.",
    )
    allow_private_addresses: bool = Field(
        default=False,
        description="Let webhooks and media URLs lead into private networks, "
        "as one needs for receivers on the same machine.",
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(),
        description='Web pages that may open the event WebSocket: ["https://example.com"]. '
        "Pages of this server always may.",
    )
    only: Literal["all", "web", "lines"] = Field(
        default="all",
        description="Run only the API, or only the connections (with health and metrics).",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much is logged."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="How a line of the log is written: for people or for programs; "
        "auto is for people on a terminal, and for programs elsewhere.",
    )
    log_requests: bool = Field(
        default=False, description="Log a line for each HTTP request that was answered."
    )
    metrics_key: SecretStr | None = Field(
        default=None,
        description="A key that opens the metrics and nothing else, for Prometheus.",
    )

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("region")
    @classmethod
    def _known(cls, region: str | None) -> str | None:
        if region is None or not region.strip():
            return None
        region = region.strip().upper()
        if region not in phonenumbers.SUPPORTED_REGIONS:
            raise PydanticCustomError("unknown_region", "not a country (ISO 3166)")
        return region

    @property
    def folder_file(self) -> Path:
        """What names the data folder to the database that is bound to it."""
        return self.data_dir / "credentials-id"

    @property
    def folder_id(self) -> str | None:
        """The data folder's name; None before a service ran connections in it."""
        if not self.folder_file.exists():
            return None
        return self.folder_file.read_text(encoding="utf-8").strip() or None

    @property
    def store_url(self) -> str:
        """Where the store is."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'sololine.sqlite3'}"
