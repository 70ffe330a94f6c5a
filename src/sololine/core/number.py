"""Which phone number is meant: one value for every spelling of one WhatsApp account.

Two bots collide when they hold the same number, so two spellings of an account must never pass as
two numbers, nor two accounts as one. Text reaches a `Number` by two doors:

    people     parse()     held against the country's possible lengths, refused with a sentence
    the engine from_jid()  WhatsApp's own word, taken as it is

and both doors end in the same fold, which the constructor applies:

    Brazil     55 DD X…    → 55 DD 9 X…   eight-digit mobiles (X is 6 to 9) got a ninth digit
    Mexico     52 1 N      → 52 N         the 1 once marked mobiles; WhatsApp still shows it
    Argentina  54 9 N      → 54 N         the 9 marks mobiles; ten digits name the line without it

The fold looks at digits alone. It must not ask the tables of phonenumbers: they change with every
release, and a stored claim has to mean the same number after an upgrade.
Why these forms and no others: docs/design/0004-canonical-number.md.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from sololine.core.errors import InvalidNumber
from sololine.core.sentence import Sentence

MAX_TEXT: Final = 64
"""Characters `parse` looks at; the longest honest text is a JID or a number full of spaces."""

MAX_DIGITS: Final = 20
"""Digits a JID's user may have: WhatsApp keeps users in 64 bits."""

_E164_DIGITS: Final = range(5, 16)

_COUNTRY_CODES: Final = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))

# A Brazilian area code (DDD) has no zero. Landlines begin with 2 to 5, and 9 may stand before
# those digits in a mobile number too: dropping or adding that 9 would turn one subscriber into
# another, so only what begins with 6 to 9 is folded.
_FOLDS: Final = (
    (re.compile(r"(55[1-9]{2})([6-9][0-9]{7})"), r"\g<1>9\2"),
    (re.compile(r"521([0-9]{10})"), r"52\1"),
    (re.compile(r"549([0-9]{10})"), r"54\1"),
)

_BRAZILIAN_MOBILE: Final = re.compile(r"55([1-9]{2})9([6-9][0-9]{7})")
_MARKED_BY_WHATSAPP: Final = (
    (re.compile(r"52([0-9]{10})"), r"521\1"),
    (re.compile(r"54([0-9]{10})"), r"549\1"),
)
_LAST_DDD_WITH_NINTH_DIGIT: Final = 28

_NUMBER_SERVERS: Final = frozenset({"s.whatsapp.net", "c.us", "hosted"})
_OTHER_SERVERS: Final = {
    "lid": Sentence("a LID, WhatsApp's alias for an account whose number it hides"),
    "hosted.lid": Sentence("a LID, WhatsApp's alias for an account whose number it hides"),
    "g.us": Sentence("the address of a group, which has no number"),
    "broadcast": Sentence("the address of a broadcast list, which has no number"),
    "newsletter": Sentence("the address of a channel, which has no number"),
}
# `user.agent:device`; agent and device are left out by most who write one.
_USER: Final = re.compile(rf"([0-9]{{1,{MAX_DIGITS}}})(?:\.[0-9]{{1,3}})?(?::[0-9]{{1,5}})?")

_REMEDY: Final = Sentence("Send the country code and the number, like +447700900123.")


@dataclass(frozen=True, slots=True, order=True, repr=False, kw_only=True)
class Number:
    """A phone number as WhatsApp counts accounts: equal when the account is the same.

    Ordered as text. Any spelling may be given; `digits` and `str()` hold the canonical one and
    must not reach logs, errors or event texts: `masked` and `repr()` may.

    Attributes:
        digits: E.164 without `+`, folded. An identity, not an address: for WhatsApp's own
            spelling keep the JID the engine reported, or try `spellings`.

    Raises:
        InvalidNumber: if the digits are not 1 to `MAX_DIGITS` ASCII digits.
    """

    digits: str

    def __post_init__(self) -> None:
        if not (self.digits.isascii() and self.digits.isdigit()):
            raise InvalidNumber(
                Sentence("A phone number consists of digits. {remedy}", remedy=_REMEDY)
            )
        if len(self.digits) > MAX_DIGITS:
            raise InvalidNumber(Sentence("The number is too long. {remedy}", remedy=_REMEDY))
        object.__setattr__(self, "digits", _fold(self.digits))

    @property
    def e164(self) -> str:
        """The canonical digits with `+`, as people read a number.

        Argentine mobiles stand without their 9, so this is not always what a telephone dials.
        """
        return f"+{self.digits}"

    @property
    def masked(self) -> str:
        """Country code and last two digits, like `+34*******22`: what logs and events may show."""
        country = next(
            (self.digits[:n] for n in (1, 2, 3) if self.digits[:n] in _COUNTRY_CODES), ""
        )
        subscriber = self.digits[len(country) :]
        return f"+{country}{'*' * len(subscriber[:-2])}{subscriber[-2:]}"

    def __str__(self) -> str:
        return self.digits

    def __repr__(self) -> str:
        return f"Number({self.masked})"


def parse(text: str, region: str | None = None) -> Number:
    """Read a number a person or program wrote.

    Accepted: E.164 with `+`, with `00`, or bare; `tel:`; spaces, brackets, dashes, dots, slashes
    and the invisible marks that phones copy along; decimal digits of any script, because phones
    in Arabic, Persian or Hindi type them; a JID of a person, with or without a device.

    Digits alone are international, unless `region` is given: then they are read as dialled there.

    The number must have a length its country uses. Its range need not be known: operators open
    ranges before phonenumbers lists them, and whether an account exists only WhatsApp can say.
    A JID is WhatsApp's spelling, so only its form is checked.

    Args:
        text: at most `MAX_TEXT` characters.
        region: ISO 3166 code of two letters in any case, for numbers as dialled in that country.

    Raises:
        InvalidNumber: with a sentence for the person who wrote it, naming mistake and remedy. It
            never shows the number.
    """
    if len(text) > MAX_TEXT:
        raise InvalidNumber(
            Sentence("The text is too long for one phone number. {remedy}", remedy=_REMEDY)
        )
    if "@" in text:
        number = from_jid(text.strip())
        if len(number.digits) not in _E164_DIGITS or number.digits.startswith("0"):
            raise InvalidNumber(
                Sentence("The part before '@' is no phone number. {remedy}", remedy=_REMEDY)
            )
        return number
    return _settled(_international(_typed(text), region))


def from_jid(jid: str) -> Number:
    """The number in a JID that the engine reported, like `447441395830:37@s.whatsapp.net`.

    WhatsApp knows which numbers exist: nothing is checked but that there are digits.

    Raises:
        InvalidNumber: if the JID names no number: LIDs, groups, broadcast lists, channels.
    """
    user, _, server = jid.rpartition("@")
    server = server.lower()
    if server not in _NUMBER_SERVERS:
        what = _OTHER_SERVERS.get(server, Sentence("no address of a WhatsApp account"))
        raise InvalidNumber(
            Sentence(
                "This is {what}. Send the account's phone number, like +447700900123.", what=what
            )
        )
    if not (digits := _USER.fullmatch(user)):
        raise InvalidNumber(
            Sentence("The part before '@' is no phone number. {remedy}", remedy=_REMEDY)
        )
    return Number(digits=digits[1])


def spellings(number: Number) -> tuple[str, ...]:
    """Every digit string under which WhatsApp may know this account, the likeliest first.

    The order is experience, not law: ask WhatsApp which of them exists before writing to one.
    """
    if mobile := _BRAZILIAN_MOBILE.fullmatch(number.digits):
        ddd, subscriber = mobile.groups()
        both = number.digits, f"55{ddd}{subscriber}"
        # Area codes up to 28 got the ninth digit first; elsewhere accounts kept their old name.
        return both if int(ddd) <= _LAST_DDD_WITH_NINTH_DIGIT else both[::-1]
    for canonical, marked in _MARKED_BY_WHATSAPP:
        if match := canonical.fullmatch(number.digits):
            return match.expand(marked), number.digits
    return (number.digits,)


def _fold(digits: str) -> str:
    for variant, canonical in _FOLDS:
        if match := variant.fullmatch(digits):
            return match.expand(canonical)
    return digits


def _typed(text: str) -> str:
    """The ASCII digits of the text, after a `+` if it has one."""
    typed = ""
    for character in re.sub("^tel:", "", text.strip(), flags=re.IGNORECASE):
        if (digit := unicodedata.decimal(character, None)) is not None:
            typed += str(digit)
        elif character in "+\N{FULLWIDTH PLUS SIGN}":
            if typed:
                raise InvalidNumber(
                    Sentence(
                        "A + may stand only before the country code. Send one number. {remedy}",
                        remedy=_REMEDY,
                    )
                )
            typed = "+"
        elif character.isalpha():
            raise InvalidNumber(
                Sentence(
                    "The number has letters in it. Send digits only, and no extension: "
                    "WhatsApp knows none."
                )
            )
        # Space separators, invisible format marks (copied along with right-to-left text), dashes.
        elif character not in "()./" and unicodedata.category(character) not in {"Zs", "Cf", "Pd"}:
            raise InvalidNumber(
                Sentence(
                    "The number has a character that belongs to no phone number. Send one "
                    "number at a time. {remedy}",
                    remedy=_REMEDY,
                )
            )
    if not typed.strip("+"):
        raise InvalidNumber(Sentence("There is no number in the text. {remedy}", remedy=_REMEDY))
    return typed


def _international(typed: str, region: str | None) -> str:
    """Country code and number, in digits that no table has judged yet."""
    if region is not None and region.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidNumber(
            Sentence("The region is not known. Send the two letters of ISO 3166, like ES or GB.")
        )
    # 00 opens an international call in most of the world and no national number anywhere.
    for sign in ("+", "00"):
        if typed.startswith(sign):
            digits = typed.removeprefix(sign)
            break
    else:
        if region is not None:
            return _e164(typed, region.upper())
        digits = typed
    if not digits.strip("0") or digits.startswith("0"):
        raise InvalidNumber(
            Sentence(
                "No country code begins with 0. Send the country code in place of the "
                "leading zeros, like +447700900123, or name the region in which the "
                "number is dialled like that."
            )
        )
    return digits


def _settled(digits: str) -> Number:
    """The number, if reading it once more changes nothing.

    phonenumbers drops one trunk prefix after a country code ("+44 (0)7…"). What would lose
    another on the next reading has no stable identity, so it is refused.
    """
    number = _read(digits)
    if _read(number.digits) != number:
        raise InvalidNumber(
            Sentence(
                "Prefixes of calls within the country stand after the country code. "
                "Leave them out, such as a leading 0."
            )
        )
    return number


def _read(digits: str) -> Number:
    # Folded before the tables judge it: they hold the Mexican 521 to be too long.
    number = Number(digits=_e164(f"+{digits}"))
    meant = phonenumbers.parse(number.e164)
    # Lines and mobiles have fewer lengths than all numbers of a country together: a Brazilian
    # number without its area code is as long as a service number. Service numbers can hold
    # accounts too, so those that the tables list are let through.
    reason = phonenumbers.is_possible_number_for_type_with_reason(
        meant, PhoneNumberType.FIXED_LINE_OR_MOBILE
    )
    if reason != ValidationResult.IS_POSSIBLE and not phonenumbers.is_valid_number(meant):
        raise InvalidNumber(_wrong_length(reason, meant.country_code or 0))
    return number


def _e164(typed: str, region: str | None = None) -> str:
    """Digits of the number without national and carrier prefixes."""
    try:
        meant = phonenumbers.parse(typed, region)
    except NumberParseException as wrong:
        # `from None`: the library's own words are for its developers, and may change.
        raise InvalidNumber(_unreadable(wrong.error_type)) from None
    return phonenumbers.format_number(meant, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def _wrong_length(reason: int, code: int) -> Sentence:
    match reason:
        case ValidationResult.TOO_SHORT:
            return Sentence(
                "The number is too short for country code +{code}. {remedy}",
                code=code,
                remedy=_REMEDY,
            )
        case ValidationResult.TOO_LONG:
            return Sentence(
                "The number is too long for country code +{code}. {remedy}",
                code=code,
                remedy=_REMEDY,
            )
        case ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
            return Sentence(
                "The number lacks its area code after +{code}. {remedy}", code=code, remedy=_REMEDY
            )
        case _:
            return Sentence(
                "No number of country code +{code} has that many digits. {remedy}",
                code=code,
                remedy=_REMEDY,
            )


def _unreadable(error_type: int) -> Sentence:
    match error_type:
        case NumberParseException.INVALID_COUNTRY_CODE:
            return Sentence(
                "The number begins with no known country code. {remedy}", remedy=_REMEDY
            )
        case NumberParseException.TOO_LONG:
            return Sentence("The number is too long. {remedy}", remedy=_REMEDY)
        case _:
            return Sentence("The number is too short. {remedy}", remedy=_REMEDY)
