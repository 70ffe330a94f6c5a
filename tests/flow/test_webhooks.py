"""Webhooks: every event arrives, signed, whatever the receiver does; and nobody else is called."""

from typing import Any

import pytest

from tests.flow.bot import Bot
from tests.flow.house import Server, WhatsApp, until
from tests.flow.phone import Phone
from tests.flow.receiver import Hook, Receiver

TOLD = ["bot.updated"]


async def hook_of(receiver: Receiver, server: Server, name: str, **wishes: Any) -> tuple[str, Hook]:
    """A bot, and a webhook for its changes."""
    bot = await server.bot(name)
    return bot, await receiver.hook(name).made(server, botId=bot, types=TOLD, **wishes)


async def rename(server: Server, bot: str, name: str) -> None:
    await server.ask("PATCH", f"/v1/bots/default/{bot}", {"name": name})


async def deliveries(server: Server, hook: Hook, **query: Any) -> list[dict[str, Any]]:
    """A webhook's deliveries, latest first."""
    path = f"/v1/webhooks/{hook.id}/deliveries"
    return (await server.ask("GET", path, params={"limit": 200, **query}))["deliveries"]


async def shown(server: Server, hook: Hook) -> dict[str, Any]:
    return (await server.ask("GET", f"/v1/webhooks/{hook.id}"))["webhook"]


async def in_state(server: Server, hook: Hook, state: str, **query: Any) -> dict[str, Any]:
    """The webhook's latest delivery, once it is in this state."""

    async def look() -> dict[str, Any] | None:
        latest = (await deliveries(server, hook, **query))[:1]
        return latest[0] if latest and latest[0]["state"] == state else None

    return await until(look, f"a delivery is {state}")


async def test_a_message_arrives_signed_with_its_text_and_once(
    bot: Bot, ana: Phone, receiver: Receiver
) -> None:
    hook = await receiver.hook("signed").made(
        bot.server, botId=bot.id, types=["message.received", "message.sent"]
    )
    asked = await ana.say(bot.number, "are you there?")
    event = await hook.event(lambda event: event["type"] == "message.received")
    assert event == await bot.about("message.received", asked)
    assert event["message"]["text"] == "are you there?"
    answer = await bot.say(ana.number, "I am")
    told = await hook.event(lambda event: event["type"] == "message.sent")
    assert told["data"]["messageId"] == answer["id"]
    assert await in_state(bot.server, hook, "delivered")
    assert len(hook.accepted) == 2
    assert [each["status"] for each in hook.tries] == [204, 204]
    listed = await deliveries(bot.server, hook)
    assert {each["id"] for each in listed} == {each["id"] for each in hook.accepted}


async def test_a_refused_delivery_is_tried_again_under_the_same_id(
    talking: Server, receiver: Receiver
) -> None:
    bot, hook = await hook_of(receiver, talking, "retried")
    hook.behave(500)
    await rename(talking, bot, "Other name")

    async def failed() -> Any:
        (delivery,) = await deliveries(talking, hook)
        return delivery if delivery["tries"] == 1 else None

    delivery = await until(failed, "the first try failed")
    assert (delivery["state"], delivery["status"]) == ("waiting", 500)
    assert delivery["error"] == "refused"
    assert delivery["dueAt"] is not None
    assert (await shown(talking, hook))["failures"] == 1
    hook.behave(204)
    (accepted,) = await hook.until(bool, "the second try")
    assert accepted["id"] == delivery["id"]
    assert [each["id"] for each in hook.tries] == [delivery["id"]] * 2
    done = await in_state(talking, hook, "delivered")
    assert (done["tries"], done["status"], done["error"]) == (2, 204, None)
    assert (await shown(talking, hook))["failures"] == 0


async def test_a_receiver_that_is_gone_is_left_alone_until_its_owner_resumes_it(
    talking: Server, receiver: Receiver
) -> None:
    bot, hook = await hook_of(receiver, talking, "gone")
    after = await talking.last()
    hook.behave(410)
    await rename(talking, bot, "Nobody hears")
    paused = await talking.event("webhook.paused", bot, after=after)
    assert paused["data"] == {"webhookId": hook.id, "reason": "gone"}
    failed = await in_state(talking, hook, "failed")
    assert (failed["status"], failed["tries"]) == (410, 1)
    assert (await shown(talking, hook))["state"] == "gone"
    await rename(talking, bot, "Still nobody hears")
    assert len(await deliveries(talking, hook)) == 1
    assert len(hook.tries) == 1

    hook.behave(204)
    await talking.ask("POST", f"/v1/webhooks/{hook.id}/resume")
    await talking.event("webhook.resumed", bot, after=after)
    await rename(talking, bot, "Heard again")
    await hook.until(lambda accepted: len(accepted) == 1, "the resumed webhook is served")
    again = await talking.ask("POST", f"/v1/webhooks/{hook.id}/redrive")
    assert again["count"] == 1
    accepted = await hook.until(lambda accepted: len(accepted) == 2, "the failed one is redriven")
    assert accepted[1]["id"] == failed["id"]


async def test_redirects_are_never_followed(talking: Server, receiver: Receiver) -> None:
    _, elsewhere = await hook_of(receiver, talking, "elsewhere")
    bot, hook = await hook_of(receiver, talking, "redirecting")
    hook.behave(307, location=elsewhere.url)
    await rename(talking, bot, "Where to?")
    await hook.tried(1)

    async def refused() -> bool:
        (delivery,) = await deliveries(talking, hook)
        return delivery["error"] == "redirect_refused"

    await until(refused, "the redirect is refused")
    assert elsewhere.tries == []


async def test_a_slow_receiver_does_not_hold_up_the_others(
    talking: Server, receiver: Receiver
) -> None:
    slow_bot, slow = await hook_of(receiver, talking, "slow")
    bot, quick = await hook_of(receiver, talking, "quick")
    slow.behave(204, seconds=3)
    for count in range(30):
        await rename(talking, slow_bot, f"Slow {count}")
    await rename(talking, bot, "Quick")
    await quick.until(bool, "the quick one is served")
    assert len([each for each in await deliveries(talking, slow) if each["tries"]]) < 30
    slow.behave(204)
    await slow.until(lambda accepted: len(accepted) == 30, "the slow one is served, too")


async def test_what_waits_while_paused_is_sent_on_resume(
    talking: Server, receiver: Receiver
) -> None:
    bot, hook = await hook_of(receiver, talking, "paused")
    after = await talking.last()
    answer = await talking.ask("POST", f"/v1/webhooks/{hook.id}/pause")
    assert answer["webhook"]["state"] == "paused"
    paused = await talking.event("webhook.paused", bot, after=after)
    assert paused["data"]["reason"] == "asked"
    names = [f"Name {count}" for count in range(3)]
    for name in names:
        await rename(talking, bot, name)
    waiting = await deliveries(talking, hook, state="waiting")
    assert len(waiting) == 3
    assert hook.tries == []
    await talking.ask("POST", f"/v1/webhooks/{hook.id}/resume")
    accepted = await hook.until(lambda accepted: len(accepted) == 3, "what waited is sent")
    assert {each["id"] for each in accepted} == {each["id"] for each in waiting}


async def test_a_test_delivery_goes_to_the_one_webhook_only(
    talking: Server, receiver: Receiver
) -> None:
    """Also where the webhook asks for other types."""
    _, hook = await hook_of(receiver, talking, "tested")
    other = await receiver.hook("untested").made(talking, types=["webhook.tested"])
    await talking.ask("POST", f"/v1/webhooks/{hook.id}/test")
    (accepted,) = await hook.until(bool, "the test arrives")
    assert accepted["event"]["type"] == "webhook.tested"
    assert accepted["event"]["data"] == {"webhookId": hook.id}
    assert other.tries == []
    await talking.ask("DELETE", f"/v1/webhooks/{other.id}")


async def test_one_delivery_can_be_redriven(talking: Server, receiver: Receiver) -> None:
    bot, hook = await hook_of(receiver, talking, "redriven")
    for name in ("First", "Second"):
        await rename(talking, bot, name)
    first, _ = await hook.until(lambda accepted: len(accepted) == 2, "both arrive")
    path = f"/v1/webhooks/{hook.id}/deliveries/{first['id']}/redrive"

    async def delivered() -> bool:
        return all(each["state"] == "delivered" for each in await deliveries(talking, hook))

    await until(delivered, "both are settled")
    assert (await talking.ask("POST", path))["count"] == 1
    accepted = await hook.until(lambda accepted: len(accepted) == 3, "the first comes again")
    assert accepted[2] == first
    answer = await talking.answer(
        "POST", f"/v1/webhooks/{hook.id}/deliveries/dlv_{'0' * 24}/redrive"
    )
    assert (answer.status_code, answer.json()["error"]) == (404, "delivery_not_found")


async def test_a_renewed_secret_signs_the_next_delivery(
    talking: Server, receiver: Receiver
) -> None:
    bot, hook = await hook_of(receiver, talking, "renewed")
    answer = await talking.ask("POST", f"/v1/webhooks/{hook.id}/secret")
    hook.trust(answer["webhook"]["secret"])
    await rename(talking, bot, "Signed anew")
    await hook.until(bool, "the receiver believes it")
    assert "secret" not in await shown(talking, hook)


async def test_a_receiver_on_this_machine_is_refused_unless_the_setting_allows_it(
    server: Server, receiver: Receiver
) -> None:
    for url in (
        receiver.hook("private").url,
        "http://localhost:1/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://2130706433/",
    ):
        answer = await server.answer("POST", "/v1/webhooks", {"url": url})
        assert answer.status_code == 422, url
        assert answer.json()["error"] == "url_not_allowed", url
    for url in ("ftp://example.com/", "file:///etc/passwd", "no address", "http://"):
        answer = await server.answer("POST", "/v1/webhooks", {"url": url})
        assert answer.status_code == 422, url
    assert (await server.ask("GET", "/v1/webhooks"))["webhooks"] == []


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_deliveries_outlive_the_server(
    own_talking: Server, receiver: Receiver, how: str
) -> None:
    """Also those that fail while it ends; an attempt under way may come twice, with the same id."""
    bot, hook = await hook_of(receiver, own_talking, f"restarted-{how}")
    hook.behave(500)
    for count in range(10):
        await rename(own_talking, bot, f"Name {count}")
    await hook.tried(5)
    await (own_talking.kill() if how == "kill" else own_talking.stop())
    hook.behave(204)
    await own_talking.start()
    await own_talking.ask("POST", f"/v1/webhooks/{hook.id}/redrive")
    accepted = await hook.until(
        lambda accepted: len({each["id"] for each in accepted}) == 10, "all arrive"
    )
    seqs = {each["event"]["seq"] for each in accepted}
    assert len(seqs) == 10
    assert len(accepted) == 10


async def test_a_receiver_that_comes_back_gets_what_it_missed(
    talking: Server, tmp_path: Any, phones: WhatsApp
) -> None:
    receiver = await Receiver(tmp_path / "receiver").start()
    bot, hook = await hook_of(receiver, talking, "missing")
    await receiver.kill()
    await rename(talking, bot, "Nobody is there")

    async def failed() -> Any:
        (delivery,) = await deliveries(talking, hook)
        return delivery if delivery["tries"] else None

    delivery = await until(failed, "a try failed")
    assert (delivery["status"], delivery["error"]) == (None, "unreachable")
    await receiver.start()
    (accepted,) = await hook.until(bool, "it is tried again")
    assert accepted["id"] == delivery["id"]
    await receiver.kill()
