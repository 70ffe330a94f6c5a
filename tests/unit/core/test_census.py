from sololine.core.census import Census


def test_where_nothing_was_counted_there_is_nothing() -> None:
    census = Census()

    assert (census.wanted, census.queued, census.retiring, census.events) == (0, 0, 0, 0)
    assert not census.sessions
    assert not census.webhooks
    assert not census.waiting
    assert census.overdue_s == 0
