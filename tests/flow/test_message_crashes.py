"""Messages outlive every death: of the server, of a worker, of the receiver of webhooks.

Phones and an owner write to and through some bots while one process after the other is killed at
random moments (the dice are seeded). In the end everything is counted. By default a tenth of the
5,000 messages and 50 deaths; with SOLOLINE_TEST_FULL=1 all of them.

One loss is beyond us: the engine's library confirms a message to WhatsApp before it hands it over,
so a worker's death takes those with it that are on the way between the two. They are counted, and
no other death may lose one.
"""

import asyncio
import os
import random
import signal
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.flow.bot import Bot
from tests.flow.conftest import TALKATIVE, new_number
from tests.flow.house import Server, WhatsApp, until
from tests.flow.phone import Phone
from tests.flow.receiver import Hook, Receiver

FULL = bool(os.environ.get("SOLOLINE_TEST_FULL"))
DEATHS = 50 if FULL else 6
MESSAGES = 5_000 if FULL else 500
BOTS = 3
WRITERS = 4
SEED = int(os.environ.get("SOLOLINE_TEST_SEED", "1"))
TOLD = ["message.received", "message.sent"]
PATIENCE_S = 120


@dataclass(slots=True)
class Run:
    """What was said, and what was seen of it."""

    server: Server
    receiver: Receiver
    hook: Hook
    bots: list[Bot]
    writers: list[Phone]
    dice: random.Random
    said: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """By bot: WhatsApp's ids of what phones wrote, and how many deaths there had been."""
    acknowledged: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """Messages that the API accepted, by bot, in the order of the answers."""
    seen: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    """Events that somebody read while it lasted: type and message by place."""
    devices: dict[str, str] = field(default_factory=dict)
    """Whose worker holds which device."""
    deaths: list[tuple[str, str]] = field(default_factory=list)
    """What was killed; of workers, whose it was."""

    # ------------------------------------------------------------------ people

    async def phones_write(self, own: int) -> None:
        async def write(phone: Phone) -> None:
            numbers, round_ = [bot.number for bot in self.bots], len(self.deaths)
            ids = await phone.flood(numbers, own, f"from {phone.digits}", rate=own / 0.7)
            for at, id_ in enumerate(ids):
                self.said[self.bots[at % len(self.bots)].id][id_] = round_

        await asyncio.gather(*(write(phone) for phone in self.writers))

    async def owner_writes(self, bot: Bot, count: int) -> None:
        for _ in range(count):
            at = len(self.acknowledged[bot.id])
            chat, name = self.writers[at % WRITERS], f"{bot.id} {at}"
            # As a careful client does: the same request, until there is an answer.
            post = partial(bot.post, chat.number, text=name, clientRef=name, key=name)
            answer = await self._insisted(post)
            assert answer.status_code in (200, 202), (answer.status_code, answer.text)
            self.acknowledged[bot.id].append(answer.json()["message"])

    async def somebody_reads(self) -> None:
        after = 0
        while True:
            asked = {"after": after, "limit": 1000, "wait": 1}
            look = partial(self.server.answer, "GET", "/v1/events", params=asked)
            answer = await self._insisted(look)
            if answer.is_success:
                for event in answer.json()["events"]:
                    self.seen[event["seq"]] = (event["type"], event["data"].get("messageId"))
                after = answer.json()["last"]

    async def _insisted(self, ask: Any) -> httpx2.Response:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if self.server.api is not None:
                    try:
                        return await ask()
                    except (httpx2.TransportError, RuntimeError):
                        pass  # it died meanwhile, and its client is closed
                await asyncio.sleep(0.02)

    # ------------------------------------------------------------------ deaths

    async def death(self) -> None:
        await asyncio.sleep(self.dice.uniform(0, 0.7))  # a random moment is what is tested
        kind, whose = self.dice.choice(["server", "worker", "receiver"]), ""
        workers = workers_of(self.server)
        if kind == "worker" and workers:
            device, process = self.dice.choice(sorted(workers.items()))
            whose = self.devices[device]
            os.kill(process, signal.SIGKILL)
        elif kind == "server":
            await self.server.kill()
            await self.server.start()
        else:
            kind = "receiver"
            await self.receiver.kill()
            await self.receiver.start()
        self.deaths.append((kind, whose))

    # ------------------------------------------------------------------ the end

    async def rest(self) -> None:
        """Wait until nothing is under way any more."""
        before: object = None
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while asyncio.get_running_loop().time() < deadline:
            missing, queued = await self._missing()
            if not queued and (not missing or missing == before):
                break
            before = missing
            await asyncio.sleep(5 if missing else 0.5)  # the counting says what never comes

        async def all_are_delivered() -> bool:
            path = f"/v1/webhooks/{self.hook.id}/deliveries"
            query = {"state": "waiting", "limit": 200}
            waiting = (await self.server.ask("GET", path, params=query))["deliveries"]
            for each in waiting:  # some wait for a minute by now
                await self.server.ask("POST", f"{path}/{each['id']}/redrive")
            return not waiting

        await until(all_are_delivered, "the receiver has everything", PATIENCE_S)

    async def _missing(self) -> tuple[set[str], bool]:
        """What phones said and no bot has, and whether anything is still queued."""
        missing, queued = set[str](), False
        for bot in self.bots:
            kept = await bot.messages()
            missing |= self.said[bot.id].keys() - {each["whatsappId"] for each in kept}
            queued |= any(each["status"] == "queued" for each in kept)
        return missing, queued

    def excused(self, bot: Bot, round_: int) -> bool:
        """Whether its worker died while a message of this round may have been on the way."""
        return ("worker", bot.id) in self.deaths[round_ : round_ + 2]


def workers_of(server: Server) -> dict[str, int]:
    """The process ids of a server's workers, by the devices that they hold."""
    assert server.process is not None
    children = [
        child
        for task in Path(f"/proc/{server.process.pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    held: dict[str, int] = {}
    for child in children:
        for opened in Path(f"/proc/{child}/fd").iterdir():
            try:
                name = opened.readlink().name
            except OSError:
                continue  # closed meanwhile
            if name.startswith("dev_"):
                held[name.partition(".")[0]] = int(child)
    return held


@pytest.mark.timeout(1800 if FULL else 240)
@pytest.mark.parametrize(
    ("deaths", "messages"), [(DEATHS, MESSAGES)], ids=[f"{DEATHS} of 50, {MESSAGES} of 5000"]
)
async def test_nothing_is_lost_and_nothing_sent_twice_however_often_something_dies(
    phones: WhatsApp, tmp_path: Path, deaths: int, messages: int, capsys: Any
) -> None:
    server = await Server(phones, tmp_path / "data", TALKATIVE).start()
    receiver = await Receiver(tmp_path / "receiver").start()
    hook = await receiver.hook("all").made(server, types=TOLD)
    bots: list[Bot] = []
    devices: dict[str, str] = {}
    for _ in range(BOTS):
        bots.append(await Bot.linked(server, new_number()))
        (fresh,) = workers_of(server).keys() - devices
        devices[fresh] = bots[-1].id
    writers = [await Phone(phones, new_number()).own() for _ in range(WRITERS)]
    run = Run(server, receiver, hook, bots, writers, random.Random(SEED), devices=devices)
    reading = asyncio.create_task(run.somebody_reads())

    in_a_round = messages / deaths
    for _ in range(deaths):
        await asyncio.gather(
            run.death(),
            run.phones_write(ceil(in_a_round * 2 / 3 / WRITERS)),
            *(run.owner_writes(bot, ceil(in_a_round / 3 / BOTS)) for bot in bots),
        )
    await run.rest()
    reading.cancel()
    with capsys.disabled():
        print(f"\n{await counted(run)}")  # noqa: T201 — the counts are what one runs it for
    await server.stop()
    await receiver.kill()


async def counted(run: Run) -> str:
    """Count, and hold the counts to what is promised; returns them as a sentence."""
    log = {
        event["seq"]: (event["type"], event["data"].get("messageId"))
        for bot in run.bots
        for event in await Bot(run.server, bot.id, bot.phone).events()
    }
    ours = {seq: seen for seq, seen in run.seen.items() if seen[1] is not None}
    assert ours.items() <= log.items(), "what was once told is still in the log"

    statuses: Counter[str] = Counter()
    lost = 0
    for bot in run.bots:
        kept = await bot.messages()
        names = Counter(each["whatsappId"] for each in kept if each["whatsappId"])
        assert max(names.values()) == 1, "one row for each message of WhatsApp's"
        for id_ in run.said[bot.id].keys() - names.keys():
            assert run.excused(bot, run.said[bot.id][id_]), "a message of a phone was lost"
            lost += 1
        by_id = {each["id"]: each for each in kept}
        received = Counter(id_ for type_, id_ in log.values() if type_ == "message.received")
        for message in kept:
            if not message["fromMe"]:
                assert received[message["id"]] == 1, "one event for each message"
        for message in run.acknowledged[bot.id]:
            statuses[by_id[message["id"]]["status"]] += 1
    assert set(statuses) <= {"sent", "delivered", "uncertain"}, statuses

    arrived: Counter[str] = Counter()
    for phone in run.writers:
        orders: dict[str, list[int]] = defaultdict(list)
        for letter in await phone.inbox():
            arrived[letter["text"]] += 1
            bot_id, at = letter["text"].split()
            orders[bot_id].append(int(at))
        for order in orders.values():
            assert order == sorted(order), "in the order in which they were accepted"
    assert max(arrived.values()) == 1, "nothing was sent twice"
    certain = 0
    for bot in run.bots:
        for message in await bot.messages():
            if message["clientRef"] and message["status"] != "uncertain":
                assert arrived[message["clientRef"]] == 1, message["status"]
                certain += 1

    accepted = run.hook.accepted
    doubled = {id_: n for id_, n in Counter(each["id"] for each in accepted).items() if n > 1}
    ids = {each["event"]["seq"]: each["id"] for each in accepted}
    assert all(ids[each["event"]["seq"]] == each["id"] for each in accepted), "the same id"
    wanted = {seq for seq, (type_, _) in log.items() if type_ in TOLD}
    assert ids.keys() == wanted, "every event was delivered"
    deaths = Counter(kind for kind, _ in run.deaths)
    # A death of the server or of the receiver in mid-delivery; a worker's does not matter to them.
    assert max(doubled.values(), default=1) <= 1 + deaths["server"] + deaths["receiver"]
    return (
        f"{len(run.deaths)} deaths {dict(deaths)}; from phones "
        f"{sum(map(len, run.said.values()))}, never stored {lost}; from the owner "
        f"{sum(statuses.values())} {dict(statuses)}, none twice; {len(accepted)} deliveries, "
        f"{len(doubled)} came twice or more often (at most {max(doubled.values(), default=1)})"
    )
