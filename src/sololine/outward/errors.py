"""Why an address that a user named could not be used.

* `OutwardError`: its `sentence` is for the user, who may fix the address
    * `InvalidUrl`: the text is no URL that we reach
    * `ForbiddenAddress`: it leads into a network that users have no business in
    * `Unreachable`: nobody answered, or not in time, or not in HTTP
    * `UnexpectedAnswer`: there was an answer, and not the file
    * `TooLarge`: the file is larger than allowed

No sentence shows the URL, since there may be a secret in it.
"""

from sololine.core.sentence import Sentence


class OutwardError(Exception):
    """An address that a user named could not be used.

    Attributes:
        sentence: why, for the user.
    """

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class InvalidUrl(OutwardError):
    """The text is no URL that we reach."""


class ForbiddenAddress(OutwardError):
    """The URL leads into a network that users have no business in."""

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "The address leads into a private or reserved network. "
                "Use a public one, or let the operator set allow_private_addresses."
            )
        )


class Unreachable(OutwardError):
    """Nobody answered, or not in time, or not in HTTP."""


class UnexpectedAnswer(OutwardError):
    """There was an answer, and not the one that was needed.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, sentence: Sentence, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class TooLarge(OutwardError):
    """The file is larger than allowed."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            Sentence(
                "The file is larger than the {max_bytes} bytes that are allowed.",
                max_bytes=max_bytes,
            )
        )
