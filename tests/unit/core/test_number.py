import dataclasses
from contextlib import suppress

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from sololine.core.errors import InvalidNumber
from sololine.core.number import MAX_DIGITS, MAX_TEXT, Number, from_jid, parse, spellings

EXAMPLES = [
    (region, example)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in PhoneNumberType.values()
    if (example := phonenumbers.example_number_for_type(region, kind)) is not None
]
"""phonenumbers' own example of every kind of number of every region: some 1400."""

COUNTRIES_WITH_VARIANTS = ("52", "54", "55")

digit_strings = st.text("0123456789", min_size=1, max_size=MAX_DIGITS)
variants = st.one_of(
    st.from_regex(r"\A55[1-9]{2}9?[0-9]{8}\Z"),
    st.from_regex(r"\A521?[0-9]{10}\Z"),
    st.from_regex(r"\A549?[0-9]{10}\Z"),
)
near_numbers = st.text("0123456789+ -().:@;/\u202a٣telxsc.uwhap", max_size=MAX_TEXT + 4)
regions = st.one_of(
    st.none(), st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.text(max_size=3)
)


def read(text: str, region: str | None = None) -> Number | None:
    """What `parse` makes of the text; None if it refuses. Any other exception fails the test."""
    try:
        return parse(text, region)
    except InvalidNumber:
        return None


def e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("+34612345678", "34612345678"),
        ("+573001234567", "573001234567"),
        ("+6281234567890", "6281234567890"),
        ("+447441395830", "447441395830"),
        ("+12015550123", "12015550123"),
        ("+919876543210", "919876543210"),
        ("+2348031234567", "2348031234567"),
        ("+4915123456789", "4915123456789"),
        ("+33612345678", "33612345678"),
        ("+390612345678", "390612345678"),
        ("+79161234567", "79161234567"),
        ("+77011234567", "77011234567"),
        ("+8613812345678", "8613812345678"),
        ("+966501234567", "966501234567"),
        ("+2250712345678", "2250712345678"),
        ("+80012345678", "80012345678"),
    ],
)
def test_numbers_of_other_countries_are_kept_as_they_are(text: str, digits: str) -> None:
    assert parse(text).digits == digits
    assert parse(digits).digits == digits
    assert spellings(parse(text)) == (digits,)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("+5511987654321", "5511987654321"),
        ("+551187654321", "5511987654321"),
        ("+5531998765432", "5531998765432"),
        ("+553198765432", "5531998765432"),
        ("+558466543210", "5584966543210"),  # all of 6 to 9 were mobiles
    ],
)
def test_a_brazilian_mobile_is_one_number_with_and_without_its_ninth_digit(
    text: str, digits: str
) -> None:
    assert parse(text).digits == digits


@pytest.mark.parametrize(
    ("landline", "mobile"),
    [("551134567890", "5511934567890"), ("553159678901", "5531959678901")],
)
def test_a_brazilian_landline_is_not_taken_for_the_mobile_with_a_nine_before_it(
    landline: str, mobile: str
) -> None:
    assert parse(landline).digits == landline
    assert parse(mobile).digits == mobile
    assert spellings(parse(landline)) == (landline,)
    assert spellings(parse(mobile)) == (mobile,)


def test_a_brazilian_area_code_has_no_zero_so_nothing_is_added_after_one() -> None:
    assert Number(digits="551087654321").digits == "551087654321"


def test_a_brazilian_mobile_is_spelled_as_whatsapp_most_likely_knows_it() -> None:
    assert spellings(parse("+5511987654321")) == ("5511987654321", "551187654321")
    assert spellings(parse("+5528987654321")) == ("5528987654321", "552887654321")
    assert spellings(parse("+5531987654321")) == ("553187654321", "5531987654321")


@pytest.mark.parametrize("text", ["+525512345678", "+5215512345678", "52 1 55 1234 5678"])
def test_a_mexican_number_is_one_with_and_without_the_old_mobile_mark(text: str) -> None:
    """The library holds the second to be impossible; WhatsApp shows it in JIDs."""
    assert parse(text).digits == "525512345678"
    assert spellings(parse(text)) == ("5215512345678", "525512345678")


@pytest.mark.parametrize(
    "text", ["+541161234567", "+5491161234567", "+54 11 15 6123-4567", "+54 9 11 6123-4567"]
)
def test_an_argentine_mobile_is_one_number_however_it_is_dialled(text: str) -> None:
    assert parse(text).digits == "541161234567"
    assert spellings(parse(text)) == ("5491161234567", "541161234567")


def test_an_argentine_landline_keeps_its_dialled_form() -> None:
    """Lines and mobiles share one plan of ten digits, so no mobile has this number too."""
    assert parse("+54 11 4345-6789").e164 == "+541143456789"


@pytest.mark.parametrize(
    "text",
    [
        "+447441395830",
        "447441395830",
        "00447441395830",
        "tel:+447441395830",
        "TEL:447441395830",
        "  +44 7441-395.830 \n",
        "(+44) 7441/395830",
        "+44 (0)7441 395830",
        "\uff0b44\u00a07441\u2011395830",
        "\u202a+44 7441 395830\u202c",
        "٤٤٧٤٤١٣٩٥٨٣٠",  # Arabic-Indic
        "+۴۴۷۴۴۱۳۹۵۸۳۰",  # Persian
        "".join(chr(ord(digit) + 0xFEE0) for digit in "447441395830"),  # full width
        "447441395830@s.whatsapp.net",
        "447441395830:37@s.whatsapp.net",
        "447441395830.0:37@s.whatsapp.net",
        "447441395830@c.us",
        " 447441395830@C.US ",
        "447441395830:99@hosted",
    ],
)
def test_every_way_to_write_a_number_is_read(text: str) -> None:
    assert parse(text) == Number(digits="447441395830")


@pytest.mark.parametrize(
    ("text", "region", "digits"),
    [
        ("07441 395830", "GB", "447441395830"),
        ("07441 395830", "gb", "447441395830"),
        ("447441395830", "GB", "447441395830"),
        ("612 34 56 78", "ES", "34612345678"),
        ("(201) 555-0123", "US", "12015550123"),
        ("06 12345678", "IT", "390612345678"),
        ("0 15 11 98765-4321", "BR", "5511987654321"),  # with a carrier's code
        ("11 8765-4321", "BR", "5511987654321"),
        ("1 55 1234 5678", "MX", "525512345678"),
        ("011 15 6123-4567", "AR", "541161234567"),
        ("+34612345678", "US", "34612345678"),
        ("0034612345678", "US", "34612345678"),
        ("011 34 612345678", "US", "34612345678"),
    ],
)
def test_a_number_as_dialled_in_a_region_is_read(text: str, region: str, digits: str) -> None:
    assert parse(text, region).digits == digits


def test_the_number_of_every_kind_in_every_region_is_read_in_both_forms() -> None:
    for region, example in EXAMPLES:
        national = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)
        assert parse(e164(example)) == Number(digits=e164(example)[1:]), region
        assert parse(national, region) == parse(e164(example)), region


@pytest.mark.parametrize("text", ["+34412345678", "+12005550123", "+573991234567"])
def test_a_number_outside_the_known_ranges_is_accepted_for_its_length(text: str) -> None:
    assert not phonenumbers.is_valid_number(phonenumbers.parse(text))
    assert parse(text).e164 == text


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "There is no number in the text"),
        ("  ", "There is no number in the text"),
        ("+", "There is no number in the text"),
        ("tel:", "There is no number in the text"),
        ("00", "No country code begins with 0"),
        ("+0034612345678", "No country code begins with 0"),
        ("07441395830", "No country code begins with 0"),
        ("+999123456789", "The number begins with no known country code"),
        ("+1", "The number is too short"),
        ("+3461234", r"The number is too short for country code \+34"),
        ("+346123456789", r"The number is too long for country code \+34"),
        ("+1234567890123456789", "The number is too long"),
        ("+123456789012345678901", "The number is too long"),
        ("1" * (MAX_TEXT + 1), "The text is too long for one phone number"),
        ("+55 98765-4321", r"The number lacks its area code after \+55"),
        ("+22997123456", r"The number is too short for country code \+229"),
        ("+35412345678", r"No number of country code \+354 has that many digits"),
        ("+49 00151 23456789", "Prefixes of calls within the country"),
        ("+34 612 FLOWERS", "The number has letters in it"),
        ("+12015550123 ext. 4", "The number has letters in it"),
        ("+34612345678, +34612345679", "The number has a character"),
        ("tel:+34612345678;phone-context=x", "The number has a character"),
        ("+34612345678+34612345679", "A \\+ may stand only before the country code"),
        ("++34612345678", "A \\+ may stand only before the country code"),
        ("²34612345678", "The number has a character"),
        ("123456789012345:4@lid", "This is a LID"),
        ("123456789012345:99@hosted.lid", "This is a LID"),
        ("120363012345678901@g.us", "This is the address of a group"),
        ("447441395830-1400000000@g.us", "This is the address of a group"),
        ("status@broadcast", "This is the address of a broadcast list"),
        ("120363012345678901@newsletter", "This is the address of a channel"),
        ("someone@example.org", "This is no address of a WhatsApp account"),
        ("s.whatsapp.net", "The number has letters in it"),
        ("@s.whatsapp.net", "The part before '@' is no phone number"),
        ("+447441395830@s.whatsapp.net", "The part before '@' is no phone number"),
        ("٤٤٧٤٤١٣٩٥٨٣٠@s.whatsapp.net", "The part before '@' is no phone number"),
        ("1234@s.whatsapp.net", "The part before '@' is no phone number"),
        ("0@s.whatsapp.net", "The part before '@' is no phone number"),
        ("0447441395830@s.whatsapp.net", "The part before '@' is no phone number"),
        ("4474413958301234@s.whatsapp.net", "The part before '@' is no phone number"),
    ],
)
def test_a_refusal_names_the_mistake_and_the_remedy_but_never_the_number(
    text: str, mistake: str
) -> None:
    with pytest.raises(InvalidNumber, match=f"^{mistake}") as refused:
        parse(text)
    message = refused.value.message
    assert message.endswith(".")
    assert any(remedy in message for remedy in ("Send ", "Leave them out"))
    written = "".join(c for c in text if c.isdigit())
    assert len(written) < 5 or written not in message
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.mark.parametrize("region", ["", "UK", "Spain", "34", "001"])
def test_a_region_that_is_none_is_refused_even_beside_a_full_number(region: str) -> None:
    with pytest.raises(InvalidNumber, match=r"^The region is not known\. Send the two letters"):
        parse("+34612345678", region)


def test_a_number_of_another_country_is_not_guessed_from_a_region() -> None:
    with pytest.raises(InvalidNumber, match=r"too long for country code \+34"):
        parse("447441395830", "ES")


def test_a_national_number_too_short_to_be_one_is_refused() -> None:
    with pytest.raises(InvalidNumber, match=r"^The number is too short\."):
        parse("1", "ES")


@pytest.mark.parametrize(
    ("jid", "digits"),
    [
        ("447441395830:37@s.whatsapp.net", "447441395830"),
        ("5215512345678@s.whatsapp.net", "525512345678"),
        ("5491161234567:2@s.whatsapp.net", "541161234567"),
        ("553198765432@s.whatsapp.net", "5531998765432"),
        ("22997123456@s.whatsapp.net", "22997123456"),  # a length its country has given up
        ("0@s.whatsapp.net", "0"),  # WhatsApp's own announcements
        ("999123@s.whatsapp.net", "999123"),
    ],
)
def test_what_the_engine_reports_is_folded_but_not_judged(jid: str, digits: str) -> None:
    assert from_jid(jid).digits == digits


@pytest.mark.parametrize(
    "jid", ["", "447441395830", "123:4@lid", "x@s.whatsapp.net", "1" * 21 + "@s.whatsapp.net"]
)
def test_what_the_engine_reports_without_a_number_is_refused(jid: str) -> None:
    with pytest.raises(InvalidNumber):
        from_jid(jid)


def test_a_jid_whose_length_the_country_gave_up_can_still_be_answered() -> None:
    assert parse("22997123456@s.whatsapp.net") == from_jid("22997123456@s.whatsapp.net")


@pytest.mark.parametrize(
    "digits", ["", "+34612345678", "34 612", "٣٤", "²", "3" * (MAX_DIGITS + 1)]
)
def test_a_number_holds_nothing_but_digits(digits: str) -> None:
    with pytest.raises(InvalidNumber):
        Number(digits=digits)


def test_a_number_is_a_value() -> None:
    one, same, other = parse("+5215512345678"), parse("+525512345678"), parse("+34612345678")
    assert one == same
    assert len({one, same, other}) == 2
    assert sorted([one, other]) == [other, one]
    assert (str(one), one.digits, one.e164) == ("525512345678", "525512345678", "+525512345678")
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.digits = "34612345678"  # type: ignore[misc]  # what must not be possible


@pytest.mark.parametrize(
    ("digits", "masked"),
    [
        ("34612345678", "+34*******78"),
        ("12015550123", "+1********23"),
        ("2348031234567", "+234********67"),
        ("999123456", "+*******56"),  # no known country code: all but two are the subscriber's
        ("0", "+0"),
        ("1", "+1"),
    ],
)
def test_masked_and_repr_show_country_code_and_last_two_digits(digits: str, masked: str) -> None:
    assert Number(digits=digits).masked == masked
    assert repr(Number(digits=digits)) == f"Number({masked})"


@given(st.sampled_from(EXAMPLES), st.integers(0, 10**4 - 1))
def test_the_canonical_form_of_what_was_parsed_parses_to_the_same(
    example: tuple[str, phonenumbers.PhoneNumber], end: int
) -> None:
    number = read(e164(example[1])[:-4] + f"{end:04}")
    assume(number)  # a service number's neighbour need not exist
    assert number is not None
    assert parse(str(number)) == parse(number.e164) == number


@given(variants)
def test_every_spelling_is_read_as_the_same_number_or_refused(digits: str) -> None:
    number = Number(digits=digits)
    assert {read(spelling) for spelling in spellings(number)} in ({number}, {None})


@given(near_numbers, regions)
def test_arbitrary_text_is_read_or_refused_and_what_is_read_is_settled(
    text: str, region: str | None
) -> None:
    number = read(text, region)
    if number is not None and "@" not in text:
        assert parse(str(number)) == number


@given(st.text(), regions)
def test_any_unicode_text_is_read_or_refused(text: str, region: str | None) -> None:
    number = read(text, region)
    assert number is None or number.digits.isdigit()


@given(st.text())
def test_any_unicode_jid_is_read_or_refused(jid: str) -> None:
    with suppress(InvalidNumber):
        assert from_jid(jid).digits.isdigit()


@given(st.one_of(variants, digit_strings))
def test_every_spelling_folds_to_the_one_number_and_the_one_given_is_among_them(
    digits: str,
) -> None:
    number = Number(digits=digits)
    assert digits in spellings(number)
    assert number.digits in spellings(number)
    assert {Number(digits=spelling) for spelling in spellings(number)} == {number}
    assert len(set(spellings(number))) == len(spellings(number))


@given(st.one_of(variants, digit_strings))
def test_folding_twice_is_folding_once(digits: str) -> None:
    once = Number(digits=digits).digits
    assert Number(digits=once).digits == once


@given(st.one_of(variants, digit_strings), st.one_of(variants, digit_strings))
def test_numbers_that_differ_fold_together_only_within_three_countries(one: str, two: str) -> None:
    if one == two or Number(digits=one) != Number(digits=two):
        return
    assert one[:2] == two[:2]
    assert one[:2] in COUNTRIES_WITH_VARIANTS


@given(st.sampled_from(EXAMPLES), st.sampled_from(EXAMPLES))
def test_numbers_of_different_countries_never_fold_together(
    one: tuple[str, phonenumbers.PhoneNumber], two: tuple[str, phonenumbers.PhoneNumber]
) -> None:
    assume(one[1].country_code != two[1].country_code)
    assert parse(e164(one[1])) != parse(e164(two[1]))


@given(st.one_of(variants, digit_strings))
def test_masking_shows_no_more_than_the_last_two_of_the_subscriber(digits: str) -> None:
    number = Number(digits=digits)
    shown = number.masked.removeprefix("+")
    assert len(shown) == len(number.digits)
    country, _, end = shown.rpartition("*") if "*" in shown else (shown[:-2], "", shown[-2:])
    assert len(end) <= 2
    assert number.digits.startswith(country.rstrip("*"))
    assert number.digits.endswith(end)
    assert len(country.rstrip("*")) <= 3
