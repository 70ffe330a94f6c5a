from sololine.wire import tokens


def test_the_dictionary_has_the_shape_of_version_3() -> None:
    assert tokens.VERSION == 3
    assert len(tokens.SINGLE) == tokens.FIRST_PAGE == 236
    assert [len(page) for page in tokens.DOUBLE] == [256] * 4


def test_every_text_is_written_in_one_way() -> None:
    assert len(tokens.BYTES_OF) == 235 + 4 * 256
    assert tokens.BYTES_OF[tokens.SINGLE[1]] == b"\x01"
    assert tokens.BYTES_OF[tokens.DOUBLE[3][255]] == b"\xef\xff"
    assert "" not in tokens.BYTES_OF


def test_the_words_of_the_handshake_stand_where_clients_have_them() -> None:
    assert tokens.SINGLE[:4] == ("", "xmlstreamstart", "xmlstreamend", "s.whatsapp.net")
