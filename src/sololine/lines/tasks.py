"""Tasks: how each kind of chore is done with a link, and what it answers.

task           answer
CheckNumbers   {"numbers": [{"asked", "onWhatsapp", "number"?, "lid"?, "businessName"?}]}
ShowContact    {"number", "name", "about", "pictureUrl"}, null where nothing is shown
ListGroups     {"groups": [group]}
ShowGroup      group: {"id", "subject", "description", "createdAt",
                       "members": [{"number" or "lid", "admin"}]}
FetchMedia     {"mediaId", "size", "sha256"}
the others     {}
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, assert_never

from sololine.core.advance import rfc3339
from sololine.core.chat import ChatId, Touch, lid_of, person_of
from sololine.core.chore import (
    CheckNumbers,
    FetchMedia,
    ListGroups,
    MarkSeen,
    ShowContact,
    ShowGroup,
    ShowOnline,
    ShowTyping,
    Task,
)
from sololine.core.content import Kind
from sololine.core.ids import MediaId
from sololine.core.media import Media, Place
from sololine.core.message import Message
from sololine.core.number import Number, spellings
from sololine.engine.port import GroupInfo, Link, LinkClosed, Member, NoSuch, Registered
from sololine.lines.addresses import Addresses
from sololine.lines.manners import Manners
from sololine.lines.pen import Pen
from sololine.store.transaction import Transaction


class Tasks:
    """Does tasks for one line. Each raises what the link raises."""

    def __init__(self, pen: Pen, *, addresses: Addresses, manners: Manners) -> None:
        self._pen = pen
        self._addresses = addresses
        self._manners = manners

    async def do(self, task: Task, link: Link) -> Mapping[str, Any]:
        """Do a task; returns its answer."""
        match task:
            case CheckNumbers():
                return {"numbers": await self._check(task.numbers, link)}
            case ShowContact():
                return await self._contact(task.chat, link)
            case ListGroups():
                groups = await link.groups()
                await self._name(groups)
                return {"groups": [_group(each) for each in groups]}
            case ShowGroup():
                group = await link.group(task.chat)
                await self._name([group])
                return _group(group)
            case FetchMedia():
                return await self._fetch(task, link)
            case ShowTyping():
                await link.show_typing(await self._address(task.chat, link), task.state)
            case ShowOnline():
                await link.show_online(online=task.online)
            case MarkSeen():
                await self._mark(task, link)
            case _ as never:  # pragma: no cover — the type checker proves it
                assert_never(never)
        return {}

    # ------------------------------------------------------------------ people

    async def _check(self, numbers: Sequence[str], link: Link) -> list[dict[str, Any]]:
        spelt = {asked: spellings(Number(digits=asked)) for asked in dict.fromkeys(numbers)}
        every = [spelling for of_one in spelt.values() for spelling in of_one]
        found = {each.asked: each for each in await link.on_whatsapp(every)}
        return [
            self._registered(asked, [found[one] for one in spelt[asked] if one in found])
            for asked in numbers
        ]

    def _registered(self, asked: str, found: Sequence[Registered]) -> dict[str, Any]:
        known = next((each for each in found if each.jid is not None), None)
        if known is None or known.jid is None:
            return {"asked": asked, "onWhatsapp": False}
        number = Number(digits=asked).digits
        self._addresses.reach(number, known.jid)
        self._addresses.learn(known.jid, known.lid)
        answer: dict[str, Any] = {"asked": asked, "onWhatsapp": True, "number": number}
        if lid := lid_of(known.lid):
            answer["lid"] = lid
        if known.business_name:
            answer["businessName"] = known.business_name
        return answer

    async def _contact(self, chat: ChatId, link: Link) -> dict[str, Any]:
        profile = await link.profile(await self._address(chat, link))
        return {
            "number": None if "@" in chat else chat,
            "name": profile.name or None,
            "about": profile.about or None,
            "pictureUrl": profile.picture_url or None,
        }

    async def _address(self, chat: ChatId, link: Link) -> str:
        """Under which address WhatsApp knows the chat. Raises `NoSuch`."""
        jid = self._addresses.of_chat(chat)
        if jid is None:
            async with self._pen.store.read() as tx:
                known = await tx.chats.get(self._pen.bot, chat)
            jid = known.jid if known is not None and known.jid else None
        if jid is None:
            (answer,) = await self._check([chat], link)
            jid = self._addresses.of_chat(chat) if answer["onWhatsapp"] else None
        if jid is None:
            raise NoSuch("the number is not on WhatsApp")
        self._addresses.reach(chat, jid)
        return jid

    # ------------------------------------------------------------------ groups

    async def _name(self, groups: Sequence[GroupInfo]) -> None:
        """Keep the subjects of groups in which something was said."""
        subjects = {ChatId(group.jid): group.subject for group in groups if group.subject}

        async def work(tx: Transaction) -> None:
            known = await tx.chats.many(self._pen.bot, sorted(subjects))
            touches = [
                Touch(id=chat, name=subjects[chat])
                for chat, had in known.items()
                if had.name != subjects[chat]
            ]
            if touches:
                await tx.chats.touch(self._pen.bot, self._pen.tenant, touches)

        if subjects:
            await self._pen.write(work)

    # ------------------------------------------------------------------ reading

    async def _mark(self, task: MarkSeen, link: Link) -> None:
        async with self._pen.store.read() as tx:
            messages = await tx.messages.many(self._pen.bot, task.messages)
        seen: dict[tuple[ChatId, str], list[Message]] = {}
        for message in messages:
            if not message.from_me and message.whatsapp_id is not None:
                seen.setdefault((message.chat, self._sender(message)), []).append(message)
        for (chat, sender), of_sender in seen.items():
            address = await self._address(chat, link)
            ids = [str(message.whatsapp_id) for message in of_sender]
            await link.mark_read(address, sender, ids, played=False)
            voices = [str(each.whatsapp_id) for each in of_sender if each.kind is Kind.VOICE]
            if voices:
                await link.mark_read(address, sender, voices, played=True)
        chats = sorted({chat for chat, _ in seen})

        async def work(tx: Transaction) -> None:
            touches = [Touch(id=chat, seen=True) for chat in chats]
            await tx.chats.touch(self._pen.bot, self._pen.tenant, touches)

        if chats:
            await self._pen.write(work)

    def _sender(self, message: Message) -> str:
        return message.sender_jid or self._addresses.of_person(message.sender or message.chat)

    # ------------------------------------------------------------------ files

    async def _fetch(self, task: FetchMedia, link: Link) -> dict[str, Any]:
        files = self._manners.media
        if files is None:
            raise LinkClosed("this process has no folder for media")
        async with self._pen.store.read() as tx:
            media = await tx.media.get(self._pen.bot, task.media)
            form = await tx.messages.form(self._pen.bot, task.message)
        if media is not None and media.place is Place.STORED and files.exists(media.id):
            return _fetched(media)
        if media is None or form is None or media.place is Place.GONE:
            raise NoSuch("the file is gone")
        draft = await asyncio.to_thread(files.new, media.id)
        try:
            await link.download(form, draft)
            size, sha256 = await asyncio.to_thread(_measured, draft)
            _check(media, sha256)
            await asyncio.to_thread(files.keep, draft, media.id)
        except NoSuch:
            await self._replace(media.id, lambda had: replace(had, place=Place.GONE))
            raise
        finally:
            await asyncio.to_thread(draft.unlink, missing_ok=True)
        stored = replace(media, place=Place.STORED, size=size, sha256=sha256)
        kept = await self._replace(
            media.id, lambda had: replace(had, place=Place.STORED, size=size, sha256=sha256)
        )
        if not kept:
            await asyncio.to_thread(files.delete, media.id)
            raise NoSuch("the message was deleted meanwhile")
        return _fetched(stored)

    async def _replace(self, media: MediaId, change: Callable[[Media], Media]) -> bool:
        """Change a file's row, unless the file was given up; whether it was changed."""

        async def work(tx: Transaction) -> bool:
            had = await tx.media.get(self._pen.bot, media)
            if had is None or had.place is Place.GONE:
                return False
            await tx.media.save(change(had))
            return True

        return await self._pen.write(work)


def _check(media: Media, sha256: str) -> None:
    if media.sha256 and sha256 != media.sha256:
        raise NoSuch("the file is another one than the message promised")


def _measured(file: Path) -> tuple[int, str]:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256")
    return file.stat().st_size, digest.hexdigest()


def _fetched(media: Media) -> dict[str, Any]:
    return {"mediaId": media.id, "size": media.size, "sha256": media.sha256}


def _group(group: GroupInfo) -> dict[str, Any]:
    return {
        "id": group.jid,
        "subject": group.subject or None,
        "description": group.description or None,
        "createdAt": rfc3339(group.created_at) if group.created_at is not None else None,
        "members": [_member(each) for each in group.members],
    }


def _member(member: Member) -> dict[str, Any]:
    person = person_of(member.jid, member.other) or ""
    named = {"lid": person} if "@" in person else {"number": person}
    return {**named, "admin": member.admin}
