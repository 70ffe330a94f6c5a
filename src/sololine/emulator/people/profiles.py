"""What people see of an account: its name, its words about itself, its picture."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An account's profile. The world keeps each by number; a change makes a new value."""

    names: tuple[str, ...] = ()
    """Every name the account ever had, the present one last."""
    about: str = ""
    picture: str = field(default="", repr=False)
    """Path and query of the picture on its host; empty if there is none."""
    picture_id: str = ""
    """Changes with every picture: clients compare it with what they know."""

    @property
    def push_name(self) -> str:
        """The name that comes with what the account sends; empty if it has none."""
        return self.names[-1] if self.names else ""
