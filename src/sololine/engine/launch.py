"""How worker processes are started."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLaunch:
    """How workers are started; the sandbox has another way than the real service."""

    module: str = "sololine.engine.worker"
    """Run as `python -m`; it must understand the arguments of `sololine.engine.worker`."""
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Set before the worker starts, since the library reads nothing that is set later."""
