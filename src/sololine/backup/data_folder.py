"""What the data folder keeps beside the credentials, and which folder a database belongs to."""

import secrets
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

from sololine.core.backup import Secret
from sololine.core.sentence import Sentence
from sololine.secret_file import kept
from sololine.store.store import Store

_NAME: Final = "credentials-id"
"""Names the folder; a database is bound to it for good."""
_DIGESTS: Final = "secret"
"""Keys the digests of API keys: without it, a stored digest fits no key."""
_KEPT: Final = (_DIGESTS, "api-key", _NAME)


class OtherFolder(Exception):
    """The database belongs to the credentials in another data folder."""

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "This database belongs to the credentials in another data folder. "
                "Let SOLOLINE_DATA_DIR name that folder, or, if it is lost, restore all of a "
                "backup that was made with --all."
            )
        )


def secrets_of(folder: Path) -> tuple[Secret, ...]:
    """The secrets of a data folder, as far as there are any."""
    return tuple(
        Secret(name=name, text=(folder / name).read_text(encoding="utf-8").strip())
        for name in _KEPT
        if (folder / name).exists()
    )


def keep_secrets(folder: Path, found: Iterable[Secret]) -> bool:
    """Keep the secrets of a backup where the folder has none; whether its API keys fit here."""
    texts = {secret.name: secret.text for secret in found if secret.name != _NAME}
    here = {name: kept(folder / name, partial(str, text)) for name, text in texts.items()}
    return _DIGESTS in here and here[_DIGESTS] == texts[_DIGESTS]


async def belong_together(
    store: Store, folder: Path, known: Iterable[Secret] = (), *, dry_run: bool = False
) -> None:
    """Bind the database to the folder, as the service does, or to what is left of its own folder.

    Args:
        store: the database.
        folder: the data folder.
        known: the secrets of a backup of everything. A folder without a name gets the one that the
            database wants, if it is among them: it is the same folder, come back.
        dry_run: only look.

    Raises:
        OtherFolder: they do not belong together.
    """
    file = folder / _NAME
    async with store.read() as tx:
        bound = await tx.deployment.bound()
    here = file.read_text(encoding="utf-8").strip() if file.exists() else None
    names = {secret.text for secret in known if secret.name == _NAME}
    if bound is not None and here != bound and not (here is None and bound in names):
        raise OtherFolder
    if dry_run:
        return
    name = kept(file, lambda: bound or secrets.token_hex(16))
    if not await store.run(lambda tx: tx.deployment.bind(name)):
        raise OtherFolder
