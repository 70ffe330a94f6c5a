"""Who asks, and for whom."""

from dataclasses import dataclass

from sololine.core.bot import Bot
from sololine.core.errors import BotNotFound, NotAllowed, UserMismatch
from sololine.core.ids import DEFAULT_USER, TenantId, UserId
from sololine.core.sentence import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated caller.

    Attributes:
        user: the person behind the credentials; None for an API key, which acts for its whole
            tenant and names the user it means in each request.
    """

    tenant: TenantId
    user: UserId | None = None

    def whole_tenant(self) -> TenantId:
        """The tenant, for what concerns all of it and not one user's bots.

        Raises:
            NotAllowed: the caller is a person.
        """
        if self.user is not None:
            raise NotAllowed(
                Sentence("This concerns all users of the account. Ask with its API key.")
            )
        return self.tenant

    def acting_for(self, named: UserId | None) -> UserId:
        """The user that a request is about: the one it names, else the caller's own.

        Raises:
            NotAllowed: a person named somebody else.
        """
        if self.user is None:
            return named or DEFAULT_USER
        if named is not None and named != self.user:
            raise NotAllowed(Sentence("You can only act for yourself. Send your own id as userId."))
        return self.user


def may_use(caller: Caller, bot: Bot | None, asked: str, user: UserId | None) -> Bot:
    """Return the bot when `caller` may use it for `user`.

    A bot of another tenant is not told from one that does not exist.

    Raises:
        BotNotFound: there is no such bot for this caller.
        UserMismatch: the bot is the tenant's, but not the named user's.
    """
    if bot is None or bot.tenant != caller.tenant:
        raise BotNotFound(asked)
    named = user if caller.user is None else caller.acting_for(user)
    if named is not None and named != bot.owner:
        raise UserMismatch
    return bot
