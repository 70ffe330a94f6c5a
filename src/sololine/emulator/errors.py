"""Why a phone, or the server, did not do what it was asked.

* `Refused`
    * `InvalidNumber`: not the digits of a phone number
    * `UnknownPhone`: no phone has that number
    * `UnknownDevice`: the phone has no such linked device
    * `InvalidQr`: the scanned text is no linking QR
    * `ExpiredQr`: nobody waits for this QR: it is old, or its client has gone
    * `UnknownCode`: no client asked to be linked with this number by code
    * `WrongCode`: the code is not the one the client shows
    * `TooManyDevices`: the phone has all the linked devices it may have
    * `PasskeyDemanded`: the account must prove a passkey, which the client was told
    * `LinkingBroken`: the client went away, answered wrongly or not at all
    * `InvalidFault`: a fault that does not exist, or lacks something
    * `UnknownMedia`: the message has no file, or its file is not stored here
    * `BrokenMedia`: the stored file is not what the message promises
    * `UnknownGroup`: there is no such group
    * `NotInGroup`: the phone is not a member of the group
    * `PhoneOffline`: the phone is offline and cannot send
    * `InvalidLetter`: a message that cannot be composed

Each class has a `code`, stable for programs, and makes its own sentence, for people. None shows a
number, a QR or a code.
"""

from typing import ClassVar

from sololine.core.sentence import Sentence


class Refused(Exception):
    """A phone, or the server, did not do what it was asked."""

    code: ClassVar[str]

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class InvalidNumber(Refused):
    """Not the digits of a phone number."""

    code = "invalid_number"

    def __init__(self) -> None:
        super().__init__(Sentence("a phone's number has 7 to 15 digits and does not begin with 0"))


class UnknownPhone(Refused):
    """No phone has that number."""

    code = "unknown_phone"

    def __init__(self) -> None:
        super().__init__(Sentence("no phone has this number; add the phone first"))


class UnknownDevice(Refused):
    """The phone has no such linked device."""

    code = "unknown_device"

    def __init__(self) -> None:
        super().__init__(Sentence("the phone has no linked device of this number"))


class InvalidQr(Refused):
    """The scanned text is no linking QR."""

    code = "invalid_qr"

    def __init__(self) -> None:
        super().__init__(Sentence("this is no WhatsApp linking QR; pass its text unchanged"))


class ExpiredQr(Refused):
    """Nobody waits for this QR."""

    code = "expired_qr"

    def __init__(self) -> None:
        super().__init__(Sentence("no client is waiting for this QR; scan the one shown now"))


class UnknownCode(Refused):
    """No client asked to be linked with this number by code."""

    code = "unknown_code"

    def __init__(self) -> None:
        super().__init__(
            Sentence("no client is waiting for a code from this number; ask it for a new one")
        )


class WrongCode(Refused):
    """The code is not the one the client shows."""

    code = "wrong_code"

    def __init__(self) -> None:
        super().__init__(
            Sentence("this is not the code that the client shows; ask it for a new one")
        )


class TooManyDevices(Refused):
    """The phone has all the linked devices it may have."""

    code = "too_many_devices"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            Sentence("the phone has {limit} linked devices already; unlink one first", limit=limit)
        )


class PasskeyDemanded(Refused):
    """The account must prove a passkey, which the client was told."""

    code = "passkey_demanded"

    def __init__(self) -> None:
        super().__init__(
            Sentence("WhatsApp demands a passkey of this account, and has told the client so")
        )


class LinkingBroken(Refused):
    """The client went away, answered wrongly or not at all."""

    code = "linking_broken"

    def __init__(self, how: Sentence) -> None:
        super().__init__(Sentence("the client did not complete the linking: {how}", how=how))


class InvalidFault(Refused):
    """A fault that does not exist, or lacks something."""

    code = "invalid_fault"


class UnknownMedia(Refused):
    """The message has no file, or its file is not stored here."""

    code = "unknown_media"

    def __init__(self) -> None:
        super().__init__(Sentence("the message has no file, or its file is not stored here"))


class BrokenMedia(Refused):
    """The stored file is not what the message promises."""

    code = "broken_media"

    def __init__(self, how: Sentence) -> None:
        super().__init__(Sentence("the file is not what the message promises: {how}", how=how))


class UnknownGroup(Refused):
    """There is no such group."""

    code = "unknown_group"

    def __init__(self) -> None:
        super().__init__(
            Sentence("there is no group of this id; list the groups to see which there are")
        )


class NotInGroup(Refused):
    """The phone is not a member of the group."""

    code = "not_in_group"

    def __init__(self) -> None:
        super().__init__(
            Sentence("this phone is not a member of the group; let a member add it first")
        )


class PhoneOffline(Refused):
    """The phone is offline and cannot send."""

    code = "phone_offline"

    def __init__(self) -> None:
        super().__init__(Sentence("the phone is offline; put it online first"))


class InvalidLetter(Refused):
    """A message that cannot be composed."""

    code = "invalid_letter"
