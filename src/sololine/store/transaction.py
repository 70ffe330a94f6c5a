"""One transaction: the store's nouns on one connection, at one time."""

from sololine.store.attempts import Attempts
from sololine.store.bots import Bots
from sololine.store.census import Census
from sololine.store.chats import Chats
from sololine.store.chores import Chores
from sololine.store.claims import Claims
from sololine.store.conflicts import Conflicts
from sololine.store.connection import Connection
from sololine.store.deliveries import Deliveries
from sololine.store.deployment import Deployment
from sololine.store.devices import Devices
from sololine.store.events import Events
from sololine.store.keys import Keys
from sololine.store.leases import Leases
from sololine.store.listings import Listings
from sololine.store.media import Media
from sololine.store.messages import Messages
from sololine.store.restorations import Restorations
from sololine.store.retired import RetiredDevices
from sololine.store.sessions import Sessions
from sololine.store.tenants import Tenants
from sololine.store.trainings import Trainings
from sololine.store.webhooks import Webhooks


class Transaction:
    """What a transaction can read and write; all of it is committed, or nothing.

    Attributes:
        now: by the database's clock, when the transaction began; aware, in UTC, whole milliseconds.
    """

    def __init__(self, connection: Connection) -> None:
        self.now = connection.now
        self.deployment = Deployment(connection)
        self.census = Census(connection)
        self.tenants = Tenants(connection)
        self.keys = Keys(connection)
        self.bots = Bots(connection)
        self.sessions = Sessions(connection)
        self.claims = Claims(connection)
        self.listings = Listings(connection)
        self.conflicts = Conflicts(connection)
        self.leases = Leases(connection)
        self.events = Events(connection)
        self.devices = Devices(connection)
        self.retired = RetiredDevices(connection)
        self.attempts = Attempts(connection)
        self.chats = Chats(connection)
        self.chores = Chores(connection)
        self.deliveries = Deliveries(connection)
        self.media = Media(connection)
        self.messages = Messages(connection)
        self.restorations = Restorations(connection)
        self.trainings = Trainings(connection)
        self.webhooks = Webhooks(connection)
