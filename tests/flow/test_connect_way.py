"""The main way, hop by hop, through the real engine: link, be refused, resume, unlink."""

from tests.flow.house import Server, WhatsApp, until


async def test_a_scan_connects_the_bot_and_the_phone_lists_it(
    server: Server, phones: WhatsApp, number: str
) -> None:
    bot = await server.bot("Customer Support Bot")
    await server.connect(bot)
    await phones.phone(number)
    await phones.scan(number, await server.qr(bot))
    await server.event("session.connected", bot)
    shown = await server.session(bot)
    assert shown["whatsappConnected"] is True
    assert shown["phoneNumber"] == number
    (device,) = await phones.devices(number)
    assert device["online"] is True


async def test_a_second_bot_is_refused_after_the_scan_and_its_device_logged_out(
    server: Server, phones: WhatsApp, number: str
) -> None:
    first, second = await server.bot("First"), await server.bot("Second")
    await server.link(first, number)
    await server.connect(second)
    await phones.scan(number, await server.qr(second))
    ended = await server.event("session.disconnected", second)
    assert ended["data"]["reason"] == "number_taken"
    assert "Disconnect the bot that has this number" in ended["data"]["remedy"]
    refused = await server.event("conflict.refused", second)
    assert refused["data"]["holderBotId"] == first

    async def alone() -> bool:
        return len(await phones.devices(number)) == 1

    await until(alone, "the refused device leaves the phone's list")
    assert (await server.session(first))["whatsappConnected"] is True
    assert (await server.session(second))["phoneNumber"] is None


async def test_replacing_moves_the_number_and_logs_the_old_device_out(
    replacing: Server, phones: WhatsApp, number: str
) -> None:
    first, second = await replacing.bot("First"), await replacing.bot("Second")
    await replacing.link(first, number)
    (old,) = await phones.devices(number)
    await replacing.link(second, number)
    ended = await replacing.event("session.disconnected", first)
    assert ended["data"]["reason"] == "replaced_by_policy"
    assert ended["data"]["byBotId"] == second

    async def alone() -> bool:
        devices = await phones.devices(number)
        return len(devices) == 1 and devices[0]["device"] != old["device"]

    await until(alone, "only the new device stays")
    assert (await replacing.session(first))["phoneNumber"] is None
    assert (await replacing.session(second))["phoneNumber"] == number


async def test_a_linked_bot_resumes_without_a_qr_and_unlinks_for_a_fresh_one(
    server: Server, phones: WhatsApp, number: str
) -> None:
    bot = await server.bot()
    await server.link(bot, number)
    (before,) = await phones.devices(number)
    offline = await server.ask("POST", f"/v1/whatsapp/disconnect/{bot}", {"unlink": False})
    assert offline["status"] == "disconnected"
    assert offline["numberFreed"] is False

    seen = await server.last()
    resumed = await server.connect(bot, useExistingSession=True)
    assert resumed["usesExistingSession"] is True
    await server.event("session.connected", bot, after=seen)
    assert [each["device"] for each in await phones.devices(number)] == [before["device"]]

    await server.ask("POST", f"/v1/whatsapp/disconnect/{bot}", {"unlink": False})
    fresh = await server.connect(bot, useExistingSession=False)
    assert fresh["usesExistingSession"] is False
    assert await server.qr(bot)

    async def gone() -> bool:
        return await phones.devices(number) == []

    await until(gone, "the old device leaves the phone's list")


async def test_a_new_bot_always_gets_a_fresh_qr(
    server: Server, phones: WhatsApp, number: str
) -> None:
    """Also when its owner has another linked bot, and asks for an existing session."""
    other, new = await server.bot("Other"), await server.bot("New")
    await server.link(other, number)
    answer = await server.connect(new, useExistingSession=True)
    assert answer["usesExistingSession"] is False
    assert (await server.qr(new)).startswith("https://wa.me/settings/linked_devices#")
    assert (await server.session(new))["phoneNumber"] is None


async def test_disconnecting_frees_the_number_for_another_bot(
    server: Server, phones: WhatsApp, number: str
) -> None:
    first, second = await server.bot("First"), await server.bot("Second")
    await server.link(first, number)
    answer = await server.ask("POST", f"/v1/whatsapp/disconnect/{first}")
    assert answer["numberFreed"] is True
    await server.link(second, number)
    assert (await server.session(second))["phoneNumber"] == number


async def test_a_pairing_code_links_as_a_qr_does(
    server: Server, phones: WhatsApp, number: str
) -> None:
    bot = await server.bot()
    await phones.phone(number)
    answer = await server.connect(bot, method="code", phoneNumber=number)
    assert answer["method"] == "code"
    await phones.enter_code(number, await server.qr(bot))
    await server.event("session.connected", bot)
    assert (await server.session(bot))["phoneNumber"] == number


async def test_the_phone_that_was_not_declared_is_turned_away(
    server: Server, phones: WhatsApp, number: str
) -> None:
    bot = await server.bot()
    await phones.phone("+34600000001")
    await server.connect(bot, phoneNumber=number)
    await phones.scan("+34600000001", await server.qr(bot))
    ended = await server.event("session.disconnected", bot)
    assert ended["data"]["reason"] == "number_mismatch"

    async def gone() -> bool:
        return await phones.devices("+34600000001") == []

    await until(gone, "the wrong device leaves the phone's list")


async def test_unlinking_on_the_phone_ends_the_session_and_frees_the_number(
    server: Server, phones: WhatsApp, number: str
) -> None:
    bot = await server.bot()
    await server.link(bot, number)
    (device,) = await phones.devices(number)
    await phones.unlink(number, device["device"])
    ended = await server.event("session.disconnected", bot)
    assert ended["data"]["reason"] == "logged_out"
    assert (await server.session(bot))["phoneNumber"] is None


async def test_a_restart_resumes_every_session_that_should_be_online(
    own_server: Server, phones: WhatsApp, number: str
) -> None:
    bot = await own_server.bot()
    await own_server.link(bot, number)
    seen = await own_server.last()
    await own_server.kill()
    await own_server.start()
    await own_server.event("session.connected", bot, after=seen)
    assert len(await phones.devices(number)) == 1
