"""Every Redis key, one function each.

Keys of one partition share the hash tag `{p}`, so they lie in one slot of a Redis Cluster. Keys never hold
personal data: contacts are named by id, identities by keyed hash.
"""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64encode

__all__ = [
    "BUCKETS",
    "IDENTITY_FIELD",
    "accounts",
    "alert",
    "alerts",
    "api_keys",
    "approval",
    "bots",
    "bucket",
    "bucket_of",
    "card",
    "cards_of_hour",
    "clicked",
    "clicks",
    "clicks_due",
    "consents",
    "contacts",
    "contacts_start",
    "cursor",
    "data_keys",
    "deliveries",
    "deliveries_of",
    "delivery",
    "device_owner",
    "devices",
    "dictionaries",
    "digest",
    "digests_begun",
    "draft_revisions",
    "drafts",
    "drafts_touched",
    "due",
    "engines",
    "failed",
    "feeds",
    "feeds_poller",
    "history",
    "identity",
    "import_checkpoint",
    "inbox",
    "inbox_seen",
    "inbox_turn",
    "joined",
    "lease",
    "link_code",
    "list_index",
    "log",
    "message_changes",
    "messages",
    "messages_due",
    "messages_sending",
    "meta",
    "moved",
    "mutes",
    "notices",
    "owner",
    "pace",
    "partition_of",
    "partitions",
    "paused",
    "people",
    "print_rows",
    "prompt",
    "rejected",
    "reminders",
    "rulebook",
    "rulebook_current",
    "segment",
    "sending",
    "sent_to",
    "site_inbox",
    "soft_bounces",
    "sources",
    "stats",
    "submission",
    "submission_shown",
    "submissions_waiting",
    "suppressed",
    "sweeps",
    "tasks",
    "terminal",
    "timers",
    "transfers",
    "undeclared",
    "undelivered",
    "unread",
    "vapid",
    "visitor_token",
    "waiting_runs",
    "webhooks",
    "write_keys",
    "zones",
]

PREFIX = "relance:"
BUCKETS = 256  # hashes into which the contacts of a partition are sorted: so many are read at once
IDENTITY_FIELD = 14  # characters
_IDENTITY_BUCKETS = 1 << 14  # so that with ten million identities a hash is still kept the short way


def partition_of(contact_id: str, partitions: int) -> int:
    """The partition of a contact: CRC-32 of its id, modulo the number of partitions."""
    return zlib.crc32(contact_id.encode()) % partitions


def bucket_of(contact_id: str, partitions: int) -> int:
    """The bucket of a contact within its partition."""
    return zlib.crc32(contact_id.encode()) // partitions % BUCKETS


# --- the installation -------------------------------------------------------------------------------------------


def partitions() -> str:
    """Number of partitions, fixed when the data is created."""
    return PREFIX + "partitions"


def data_keys() -> str:
    """Hash: key id → data key, wrapped under the secret key."""
    return PREFIX + "keys"


def dictionaries() -> str:
    """Hash: number → sealed dictionary that records are packed with."""
    return PREFIX + "dictionaries"


def engines() -> str:
    """Sorted set: engine id → the moment its registration ends."""
    return PREFIX + "engines"


def rulebook(version: int) -> str:
    return f"{PREFIX}rulebook:{version}"


def rulebook_current() -> str:
    """The number of the published version."""
    return PREFIX + "rulebook:current"


def paused() -> str:
    """Hash: `<kind>:<name>` of a rule → sealed record of its pause."""
    return PREFIX + "paused"


def drafts() -> str:
    """Hash: user id → sealed draft."""
    return PREFIX + "{drafts}:texts"


def draft_revisions() -> str:
    """Hash: user id → how often the draft has changed."""
    return PREFIX + "{drafts}:revisions"


def drafts_touched() -> str:
    """Hash: user id → sealed names of the statements that the draft changes."""
    return PREFIX + "{drafts}:touched"


def prompt(digest: str) -> str:
    """What a message asks a text for, sealed; `digest` is the keyed hash of the message. Forgotten after a week."""
    return f"{PREFIX}{{drafts}}:prompt:{digest}"


def submission(submission_id: str) -> str:
    """A sealed submission; forgotten some months after its end."""
    return f"{PREFIX}{{drafts}}:submission:{submission_id}"


def submissions_waiting() -> str:
    """Sorted set: submission id → when it was handed in. Who is not in it cannot be approved."""
    return PREFIX + "{drafts}:waiting"


def submission_shown(submission_id: str) -> str:
    """Set of the people who have been shown a submission."""
    return f"{PREFIX}{{drafts}}:shown:{submission_id}"


def approval() -> str:
    """`off` where an approver may publish without a second person."""
    return PREFIX + "approval"


def notices(platform: str) -> str:
    """Stream of sealed notices for people on a platform; read by its bots as one group, taken out when told."""
    return f"{PREFIX}{{notices}}:{platform}"


def messages() -> str:
    """Hash: `<name>/<channel>/<locale>` → revision, a space, sealed template."""
    return PREFIX + "{messages}:texts"


def message_changes() -> str:
    """How often a template has changed, so that who remembers them knows when to read them again."""
    return PREFIX + "{messages}:changes"


def stats() -> str:
    """Hash: how often each rule matched or met an error."""
    return PREFIX + "stats"


def undeclared() -> str:
    """Hash: trait that no attribute takes → how often it was sent."""
    return PREFIX + "undeclared"


def identity(namespace: str, digest: str) -> str:
    """The name of an identity, of which `digest` is the keyed hash: the key of a hash, and the field of it that holds
    the contact id, which is the last `IDENTITY_FIELD` characters (scripts cut it off)."""
    bucket = int(digest[:4], 16) % _IDENTITY_BUCKETS
    field = urlsafe_b64encode(bytes.fromhex(digest[4:24])).decode().rstrip("=")
    return f"{PREFIX}identity:{namespace}:{bucket}:{field}"


def import_checkpoint(digest: str) -> str:
    """How far an import is; `digest` is that of its file and its columns."""
    return f"{PREFIX}import:{digest}"


def inbox(platform: str) -> str:
    """Hash: id of a request from a chat platform → the sealed request, until it has been worked."""
    return f"{PREFIX}{{inbox:{platform}}}:waiting"


def inbox_seen(platform: str, digest: str) -> str:
    """Exists for as long as a platform may repeat the request; `digest` is the keyed hash of its id."""
    return f"{PREFIX}{{inbox:{platform}}}:seen:{digest}"


def inbox_turn(platform: str) -> str:
    """Name of the process that asks a platform for its requests, where they do not come by themselves."""
    return f"{PREFIX}{{inbox:{platform}}}:turn"


def pace(platform: str, limit: str) -> str:
    """The moment at which a limit of a platform is free again; `limit` names calls and a digest of the address."""
    return f"{PREFIX}pace:{{{platform}}}:{limit}"


def terminal() -> str:
    """Stream of sealed notices for the terminal chat, capped."""
    return PREFIX + "terminal"


def rejected() -> str:
    """Stream of sealed events that were not taken, capped."""
    return PREFIX + "rejected"


def bucket(source: str) -> str:
    """Hash: the tokens that a source has left, and the moment of that."""
    return f"{PREFIX}bucket:{source}"


def people() -> str:
    """Hash: user id → sealed person."""
    return PREFIX + "people"


def accounts() -> str:
    """Hash: keyed hash of a name or chat account → user id."""
    return PREFIX + "accounts"


def link_code(digest: str) -> str:
    """A one-time code, until it is taken or too old: the sealed id of the user it is for."""
    return f"{PREFIX}code:{digest}"


def sources() -> str:
    """Hash: name → sealed source."""
    return PREFIX + "sources"


def write_keys() -> str:
    """Hash: keyed hash of a write key → name of its source."""
    return PREFIX + "write-keys"


def webhooks() -> str:
    """Hash: name → sealed webhook."""
    return PREFIX + "webhooks"


def site_inbox(partition: int, contact_id: str) -> str:
    """Hash: delivery id → sealed message in the contact's inbox on the site, capped."""
    return _in(partition, "site-inbox:" + contact_id)


def device_owner(digest: str) -> str:
    """The contact that a device belongs to; `digest` is the keyed hash of its token."""
    return f"{PREFIX}device:{digest}"


def devices(partition: int, contact_id: str) -> str:
    """Hash: keyed hash of a device's token → sealed device, to which pushes go."""
    return _in(partition, "devices:" + contact_id)


def vapid() -> str:
    """The sealed private key by which push services of browsers know us."""
    return PREFIX + "vapid"


def print_rows() -> str:
    """Stream of sealed rows of print files, until they are taken out."""
    return PREFIX + "print"


def api_keys() -> str:
    """Hash: keyed hash of an API key → its sealed name and scopes."""
    return PREFIX + "api-keys"


def bots() -> str:
    """How the bots of the servers are, for other processes; forgotten after some seconds."""
    return PREFIX + "bots"


def feeds() -> str:
    """Hash: keyed hash of a feed's URL → the sealed state of its polling."""
    return PREFIX + "{feeds}:state"


def feeds_poller() -> str:
    """Who polls the feeds, for as long as that takes."""
    return PREFIX + "{feeds}:poller"


# --- a partition ------------------------------------------------------------------------------------------------


def _in(partition: int, rest: str) -> str:
    return f"{PREFIX}{{{partition}}}:{rest}"


def log(partition: int) -> str:
    """Stream of entries: fields `c` contact id, `e` sealed entry."""
    return _in(partition, "log")


def cursor(partition: int) -> str:
    """Id of the last entry of the log that has taken effect."""
    return _in(partition, "cursor")


def lease(partition: int) -> str:
    """Token of the engine that may write this partition."""
    return _in(partition, "lease")


def meta(partition: int) -> str:
    """Hash: `contacts` how many, `alerts` how many ever, what `recompute` is about (see `partition.Opened`)."""
    return _in(partition, "meta")


def failed(partition: int) -> str:
    """List of sealed entries that were set aside, newest first, capped."""
    return _in(partition, "failed")


def timers(partition: int) -> str:
    """Sorted set: contact id → the moment at which it must be looked at again."""
    return _in(partition, "timers")


def due(partition: int) -> str:
    """Sorted set, the outbox: `card:<alert>:<platform>:<address>` → the moment at which it is to be delivered."""
    return _in(partition, "due")


def sending(partition: int) -> str:
    """Sorted set: member of `due` that a courier has taken → until when it is the courier's alone."""
    return _in(partition, "sending")


def undelivered(partition: int) -> str:
    """Sorted set: member of `due` that was given up → when; capped."""
    return _in(partition, "undelivered")


def transfers(partition: int) -> str:
    """List: what travels to other partitions (snapshots of joined contacts, forwarded entries), in order."""
    return _in(partition, "transfers")


def contacts(partition: int, bucket: int) -> str:
    """Hash: contact id → sealed contact, tombstones included."""
    return f"{PREFIX}{{{partition}}}:contacts:{bucket}"


def contacts_start(partition: int) -> str:
    """What the names of a partition's hashes of contacts begin with; the bucket follows."""
    return _in(partition, "contacts:")


def history(partition: int, contact_id: str) -> str:
    """List of sealed chunks of events, oldest first."""
    return _in(partition, "history:" + contact_id)


def consents(partition: int, bucket: int) -> str:
    """Hash: contact id → its sealed sheet of consents and sealed records, oldest first (see consent.lua).

    `bucket` is that of the contact; nobody reads these buckets whole, so there are fewer.
    """
    return f"{PREFIX}{{{partition}}}:consents:{bucket % 32}"


def joined(partition: int) -> str:
    """Hash: contact id → the contact that it was joined into: consents are written to that one."""
    return _in(partition, "joined")


def owner(partition: int, contact_id: str) -> str:
    """Digest of the `user` identity that an anonymous contact belongs to."""
    return _in(partition, "owner:" + contact_id)


def moved(partition: int, contact_id: str) -> str:
    """The contact that this one is being, or was, joined into."""
    return _in(partition, "moved:" + contact_id)


def segment(partition: int, name: str) -> str:
    """Sorted set: contact id → score in tenths."""
    return _in(partition, "segment:" + name)


def list_index(partition: int, name: str) -> str:
    """Sorted set: contact id → score in tenths."""
    return _in(partition, "list:" + name)


def alert(partition: int, alert_id: str) -> str:
    """A sealed alert as the engine last wrote it; `>ID` where its contact moved to another partition."""
    return _in(partition, "alert:" + alert_id)


def alerts(partition: int, status: str) -> str:
    """Sorted set: alert id → when it was raised."""
    return _in(partition, "alerts:" + status)


def tasks(partition: int) -> str:
    """Sorted set: id of a task that is not over → when it is due, 0 for no moment."""
    return _in(partition, "tasks")


def reminders(partition: int) -> str:
    """Sorted set: id of an alert or task → when whoever has it is to be reminded."""
    return _in(partition, "reminders")


def digest(partition: int, card_id: str) -> str:
    """A sealed digest, whose cards lie in the outbox under its id; forgotten after some weeks."""
    return _in(partition, "digest:" + card_id)


def digests_begun() -> str:
    """Hash: name and time of a digest → the moment up to which its occurrences are dealt with."""
    return PREFIX + "digests"


def cards_of_hour(digest: str, hour: int) -> str:
    """Hash: id of an alert that a place was to show in an hour, by its first millisecond → its number among them;
    `digest` is the keyed hash of the place. Forgotten after some days."""
    return f"{PREFIX}cards-of-hour:{{{digest}}}:{hour}"


def mutes() -> str:
    """Hash: keyed hash of a rule and a place → until when no new card of that rule appears there."""
    return PREFIX + "mutes"


def messages_due(partition: int) -> str:
    """Sorted set, the outbox of messages: delivery id → the moment at which it is to be looked at."""
    return _in(partition, "messages:due")


def messages_sending(partition: int) -> str:
    """Sorted set: delivery id that a courier has taken → until when it is the courier's alone."""
    return _in(partition, "messages:sending")


def delivery(partition: int, delivery_id: str) -> str:
    """A sealed message delivery."""
    return _in(partition, "delivery:" + delivery_id)


def deliveries(partition: int, state: str) -> str:
    """Sorted set: delivery id → when it came into this state; those that are over are capped."""
    return _in(partition, "deliveries:" + state)


def deliveries_of(partition: int, contact_id: str) -> str:
    """Sorted set: delivery id of a contact → when it was made; capped."""
    return _in(partition, "deliveries-of:" + contact_id)


def sent_to(partition: int, contact_id: str) -> str:
    """Hash: channel → moments at which messages went out, for the limits."""
    return _in(partition, "sent-to:" + contact_id)


def suppressed() -> str:
    """Hash: keyed hash of channel and address → why no message goes there, sealed."""
    return PREFIX + "suppressed"


def soft_bounces(digest: str) -> str:
    """Set: digests of messages that came back for now since one arrived; `digest` of the address as in `suppressed`."""
    return f"{PREFIX}soft-bounces:{digest}"


def visitor_token(digest: str) -> str:
    """Whose browser took a visitor token, as a keyed hash, for as long as the token lives."""
    return f"{PREFIX}visitor:{digest}"


def unread(partition: int) -> str:
    """Sorted set: `<contact>:<delivery>:<message>` of a mail whose opening would show → when it counts as ignored."""
    return _in(partition, "unread")


def clicks_due(partition: int) -> str:
    """Sorted set: `<delivery>:<link>` of a click → when it counts, unless a program turns out to be clicking."""
    return _in(partition, "clicks:due")


def clicks(partition: int) -> str:
    """Hash: member of `clicks_due` → contact id, a line break, the sealed entry."""
    return _in(partition, "clicks")


def clicked(partition: int, delivery_id: str) -> str:
    """Hash: link of a delivery → when it was followed, for a short while; `*` where a program follows them all."""
    return _in(partition, "clicked:" + delivery_id)


def sweeps(partition: int) -> str:
    """Hash: occurrence id → sealed occurrence and the bucket it has come to; or, where it is through, when it was."""
    return _in(partition, "sweeps")


def zones(partition: int) -> str:
    """Hash: time zone of contacts → how many have it; dated rules come about in each."""
    return _in(partition, "zones")


def waiting_runs(partition: int) -> str:
    """Hash: `<scenario> <place>` → how many runs wait there (places with dots between); `<scenario> started`,
    `finished`, `stopped` → how many did."""
    return _in(partition, "runs")


def card(partition: int, alert_id: str) -> str:
    """Hash: `<platform>:<address>` → the sealed state of the alert's card there."""
    return _in(partition, "card:" + alert_id)
