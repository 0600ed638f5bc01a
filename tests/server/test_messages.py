"""Message templates: kept by revision, found by locale, previewed and sent to oneself."""

from __future__ import annotations

import asyncio

import pytest

from rules.contact import Contact, Event
from server.engine.engine import Engine
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.model.actor import SYSTEM, Actor
from server.services.contacts import Contacts
from server.services.links import Links
from server.services.messages import Messages, WrongMessage
from server.services.people import People
from server.services.rulebooks import Rulebooks, WrongRulebook
from server.services.sending import Sending
from server.services.suppressions import Suppressions
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import drain, engine_on, event, publish
from tests.post_office import PostOffice

RULES = """\
attribute first_name: text, personal, shown in alerts
attribute email: text, personal
attribute locale: text
purpose newsletter: "I want the newsletter.", via email
"""
SENDS = RULES + 'trigger hello for newsletter: on "Signed Up"\n  send email welcome\n'
ANN = Actor(id="u1", name="Ann", roles=("marketer",))


def words(body: str = "Hello {{ contact.first_name }}", subject: str = "Hi", head: str = "") -> str:
    return f"---\nsubject: {subject}\n{head}---\n{body}\n"


@pytest.fixture
async def messages(store: Store, clock: FakeClock) -> Messages:
    await publish(store, RULES)
    rulebooks = Rulebooks(store)
    contacts = Contacts(store, clock, rulebooks)
    return Messages(store, clock, rulebooks, contacts, sender="Shop", url="https://relance.test")


async def zoe(store: Store, engine: Engine | None = None, **traits: object) -> str:
    """A contact who has signed up."""
    contact = store.identities.new_id(True)
    await store.identities.claim("user", "42", contact)
    known = {"first_name": "Zoé", "email": "zoe@shop.example", **traits}
    await store.log.append([
        (contact, event(store, "identify", "m1", traits=known, identities=(("user", "42"),), silent=True)),
        (contact, event(store, "Signed Up", "m2", properties={"plan": "pro", "email": "zoe@shop.example"})),
    ])  # fmt: skip
    await drain(store, engine or engine_on(store))
    return contact


async def test_a_template_is_kept_by_revision_and_told_again(messages: Messages, clock: FakeClock) -> None:
    first = await messages.put(ANN, "welcome", "email", "fr_be", words())
    assert (first.revision, first.locale, first.format, first.owner) == (1, "fr-BE", "markdown", "Ann")
    second = await messages.put(ANN, "welcome", "email", "fr-BE", words("Salut"), base=1)
    assert second.revision == 2
    assert (await messages.get(ANN, "welcome", "email", "fr-BE")).source == words("Salut")
    with pytest.raises(Conflict) as stale:
        await messages.put(ANN, "welcome", "email", "fr-BE", words("Bonjour"), base=1)
    assert stale.value.current == "2"


async def test_of_two_who_change_it_at_once_one_is_first(messages: Messages) -> None:
    await messages.put(ANN, "welcome", "email", "", words())
    said = await asyncio.gather(
        *(messages.put(ANN, "welcome", "email", "", words(f"{at}"), base=1) for at in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, Conflict) for one in said) == 3


async def test_the_head_says_who_owns_it_and_until_when_it_is_good(messages: Messages, clock: FakeClock) -> None:
    head = "owner: Bob\nexpires: 2026-03-01\nformat: html\n"
    kept = await messages.put(ANN, "welcome", "email", "", words("<p>Hi</p>", head=head))
    assert (kept.owner, kept.format) == ("Bob", "html")
    [listed] = await messages.listing(ANN)
    assert listed.stale == (kept.expires <= clock.now())
    clock.advance(days=3650)
    assert [one.name for one in await messages.stale()] == ["welcome"]
    again = await messages.put(ANN, "welcome", "email", "", words("<p>Hi</p>"))
    assert (again.owner, again.expires) == ("Bob", kept.expires)  # what is not said stays
    never = await messages.put(ANN, "welcome", "email", "", words("<p>Hi</p>", head="expires: never\n"))
    assert never.expires == 0
    with pytest.raises(Invalid, match="an expiry is"):
        await messages.put(ANN, "welcome", "email", "", words(head="expires: soon\n"))


async def test_a_template_with_mistakes_is_not_kept(messages: Messages) -> None:
    with pytest.raises(WrongMessage) as wrong:
        await messages.put(ANN, "welcome", "email", "", words("Hi {{ contact.first_nam }}"))
    assert str(wrong.value.problems[0]).startswith("line 4, column 15: unknown attribute contact.first_nam")
    with pytest.raises(NotFound):
        await messages.get(ANN, "welcome", "email")
    for name, channel, locale in (("Wel come", "email", ""), ("welcome", "fax", ""), ("welcome", "email", "french")):
        with pytest.raises(Invalid):
            await messages.put(ANN, name, channel, locale, words())


async def test_only_those_who_may_write_rules_write_messages(messages: Messages) -> None:
    for actor in (Actor(id="u2", roles=("rep",)), Actor(id="k", scopes=("read", "write"), via="http")):
        with pytest.raises(Forbidden):
            await messages.put(actor, "welcome", "email", "", words())
    assert (await messages.put(Actor(id="k", scopes=("rules",), via="http"), "a", "email", "", words())).by == "k"


@pytest.mark.parametrize(
    ("there", "wanted", "found"),
    [
        (("fr-BE", "fr", "en", ""), "fr-BE", "fr-BE"),
        (("fr", "en", ""), "fr_be", "fr"),
        (("fr-CA", "en", ""), "fr-BE", "fr-CA"),
        (("en", "de", ""), "fr", "en"),
        (("de", ""), "fr", ""),
        (("it", "de"), "fr", "de"),
        (("it", "de"), "", "de"),
        ((), "fr", None),
    ],
)
async def test_a_contact_gets_the_nearest_language(
    messages: Messages, there: tuple[str, ...], wanted: str, found: str | None
) -> None:
    for locale in there:
        await messages.put(ANN, "welcome", "email", locale, words())
    template = await messages.find("welcome", "email", wanted)
    assert (template.locale if template else None) == found


async def test_what_another_process_keeps_is_found_within_a_quarter_of_a_second(
    messages: Messages, store: Store, clock: FakeClock
) -> None:
    rulebooks = Rulebooks(store)
    other = Messages(store, clock, rulebooks, Contacts(store, clock, rulebooks))
    assert await other.find("welcome", "email", "") is None
    await messages.put(ANN, "welcome", "email", "", words())
    clock.advance(seconds=1)
    assert await other.find("welcome", "email", "") is not None


async def test_many_who_look_for_words_at_once_cost_one_look(
    messages: Messages, store: Store, clock: FakeClock
) -> None:
    await messages.put(ANN, "welcome", "email", "", words())
    await messages.find("welcome", "email", "")
    clock.advance(seconds=1)
    before = await _gets(store)
    found = await asyncio.gather(*(messages.find("welcome", "email", "") for _ in range(100)))
    assert None not in found
    assert await _gets(store) - before <= 2


async def test_a_preview_is_what_the_contact_would_get(messages: Messages, store: Store) -> None:
    await publish(store, SENDS)
    await messages.put(SYSTEM, "welcome", "email", "en", words("Hi {{ contact.first_name }}: {{ entry.plan }}"))
    await messages.put(SYSTEM, "welcome", "email", "fr", words("Salut {{ contact.first_name }}", subject="Bonjour"))
    await zoe(store, locale="fr-FR")
    french = await messages.preview(SYSTEM, "welcome", "email", None, "user:42")
    assert french.template.locale == "fr"
    assert french.rendered.subject == "Bonjour"
    assert french.rendered.text.startswith("Salut Zoé")
    assert "I want the newsletter." in french.rendered.html
    english = await messages.preview(SYSTEM, "welcome", "email", "en", "user:42")
    assert english.rendered.text.startswith("Hi Zoé: pro")


async def test_who_may_not_see_contacts_sees_a_preview_with_personal_values_masked(
    messages: Messages, store: Store
) -> None:
    await publish(store, SENDS)
    body = "{{ contact.email }} {{ entry.email }} {{ contact.first_name }} {{ entry.plan }} {{ count('Signed Up') }}"
    await messages.put(SYSTEM, "welcome", "email", "", words(body))
    await zoe(store)
    viewer = Actor(id="u3", roles=("viewer",))
    with pytest.raises(Forbidden):
        await messages.preview(viewer, "welcome", "email", None, "user:42")
    seen = await messages.preview(viewer, "welcome", "email", None, "user:42", hide=True)
    assert "zoe@" not in seen.rendered.text + seen.rendered.html
    assert "Zoé pro 1" in seen.rendered.text  # `shown in alerts`


async def test_events_of_long_ago_are_counted_in_a_message(messages: Messages, store: Store) -> None:
    engine = engine_on(store)
    contact = await zoe(store, engine)
    await store.log.append([(contact, event(store, "Page Viewed", f"v{at}")) for at in range(100)])
    await drain(store, engine)
    await messages.put(SYSTEM, "welcome", "email", "", words("{{ count('Page Viewed') }}, {{ count('Signed Up') }}"))
    seen = await messages.preview(SYSTEM, "welcome", "email", None, "user:42")
    assert seen.rendered.text.startswith("100, 1")


async def test_a_layout_of_our_own_is_around_every_mail(messages: Messages, store: Store) -> None:
    assert (await messages.get(ANN, "layout", "email")).revision == 0  # the built-in one
    layout = "<html><body id='ours'>{{ content }}<a href='{{ links.unsubscribe }}'>x</a></body></html>"
    with pytest.raises(WrongMessage, match="mistakes"):
        await messages.put(ANN, "layout", "email", "", "<p>{{ content }}</p>", form="html")
    await messages.put(ANN, "layout", "email", "", layout, form="html")
    await messages.put(ANN, "welcome", "email", "", words("*Hi*"))
    await zoe(store)
    html = (await messages.preview(SYSTEM, "welcome", "email", None, "user:42")).rendered.html
    assert html.startswith("<html><body id='ours'><p")
    assert "href='https://relance.test/unsubscribe/test'" in html


async def test_a_message_that_rules_send_cannot_be_deleted_with_its_last_template(
    messages: Messages, store: Store, clock: FakeClock
) -> None:
    await messages.put(ANN, "welcome", "email", "fr", words())
    await messages.put(ANN, "welcome", "email", "en", words())
    await publish(store, SENDS)
    clock.advance(seconds=1)
    await messages.delete(ANN, "welcome", "email", "fr")
    with pytest.raises(Conflict, match="trigger hello sends this message"):
        await messages.delete(ANN, "welcome", "email", "en")
    await publish(store, RULES)
    with pytest.raises(Conflict):
        await messages.delete(ANN, "welcome", "email", "en", base=7)
    await messages.delete(ANN, "welcome", "email", "en")
    assert await messages.names() == frozenset()
    with pytest.raises(NotFound):
        await messages.delete(ANN, "welcome", "email", "en")


async def test_a_change_of_the_rulebook_shows_which_messages_it_breaks(messages: Messages, store: Store) -> None:
    await messages.put(ANN, "welcome", "email", "", words())
    await publish(store, 'purpose newsletter: "I want the newsletter."\n')
    await asyncio.sleep(0.3)
    [listed] = await messages.listing(ANN)
    assert [problem.message for problem in listed.problems] == ["unknown attribute contact.first_name"]
    book = await Rulebooks(store).live()
    assert messages.personal(listed.template, book)  # nobody knows


async def test_whether_words_are_personal_is_told_from_the_template(messages: Messages, store: Store) -> None:
    book = await Rulebooks(store).live()
    for source, personal in (
        ('{"a": {{ score }}}', False),
        ('{"a": {{ contact.locale }}}', False),
        ('{"a": {{ contact.email }}}', True),
        ('{"a": {{ contact["email"] }}}', True),
        ('{"a": {{ entry.plan }}}', False),
        ('{"a": {{ entry.email }}}', True),
        ('{"a": {{ entry.properties }}}', True),
        ('{"a": {{ events("x")|map(attribute="email")|list }}}', True),
    ):
        kept = await messages.put(ANN, "hook", "webhook", "", source)
        assert messages.personal(kept, book) == personal, source


async def test_what_cannot_be_filled_in_says_so_without_the_value(messages: Messages, store: Store) -> None:
    await messages.put(ANN, "welcome", "email", "", words("{{ contact.first_name|round }}"))
    await zoe(store)
    with pytest.raises(Invalid) as fault:
        await messages.preview(SYSTEM, "welcome", "email", None, "user:42")
    assert "Zoé" not in fault.value.message
    assert fault.value.code == "message_fault"


async def test_numbers_and_dates_are_written_as_the_locale_does(messages: Messages, store: Store) -> None:
    source = words("{{ entry.price|money('EUR') }} {{ entry.day|date }} {{ 1234.5|number }} {{ 3|number(2) }}")
    template = await messages.put(ANN, "welcome", "email", "fr", source)
    book = await Rulebooks(store).live()
    entry = Event("Signed Up", 0, {"price": 1234.5, "day": "2026-03-02T23:30:00+00:00"}, "shop")
    french = await messages.render(
        template, Contact(id="c", attributes={"timezone": "Europe/Paris"}), book, entry=entry
    )
    assert french.text.replace("\u202f", " ").replace("\xa0", " ").startswith("1 234,50 € 3 mars 2026 1 234,5 3,00")
    assert french.locale == "fr"


async def test_a_rulebook_is_published_only_with_the_messages_that_it_sends(messages: Messages, store: Store) -> None:
    rulebooks = Rulebooks(store)
    checked = await rulebooks.check(SENDS)
    assert checked.ok
    assert [warning.message for warning in checked.warnings] == ["there is no email message welcome"]
    await messages.put(ANN, "welcom", "email", "", words())
    await messages.put(ANN, "welcome", "inbox", "", "---\ntitle: Hi\n---\nHi")  # for another channel
    with pytest.raises(WrongRulebook) as wrong:
        await rulebooks.publish(SYSTEM, SENDS, base=1)
    [problem] = wrong.value.checked.problems
    assert str(problem).startswith("line 6, column 14: there is no email message welcome — did you mean welcom?")
    await messages.put(ANN, "welcome", "email", "", words())
    assert (await rulebooks.publish(SYSTEM, SENDS, base=1)).version == 2


async def test_a_message_to_oneself_goes_to_the_persons_own_address(
    messages: Messages, store: Store, clock: FakeClock
) -> None:
    await publish(store, SENDS)
    await messages.put(ANN, "welcome", "email", "", words("Hello {{ contact.first_name }}: {{ entry.plan }}"))
    await zoe(store)
    people = People(store, clock)
    person = await people.add("Ann", "marketer", email="ann@shop.example")
    with pytest.raises(Forbidden):
        await messages.test(Actor(id="u3", roles=("rep",)), "welcome", "email", None, "user:42", to=person)
    await messages.test(SYSTEM, "welcome", "email", None, "user:42", to=person)
    office = PostOffice(store, clock)
    links = Links(store.seal, clock, "https://relance.test")
    courier = Sending(
        store, clock, Rulebooks(store), messages, Suppressions(store, clock), links, {"email": office.email}, own=people
    )
    for partition in range(store.partitions):
        await courier.send(partition)
    [outbound] = office.email.sent
    assert outbound.to == "ann@shop.example"
    assert outbound.rendered.text.startswith("Hello Zoé: pro")
    assert "https://relance.test/unsubscribe/test" in outbound.rendered.html
    bob = await people.add("Bob", "marketer")
    with pytest.raises(Invalid, match="no e-mail address"):
        await messages.test(SYSTEM, "welcome", "email", None, "user:42", to=bob)


async def _gets(store: Store) -> int:
    """How many single values this Redis was asked for."""
    return int((await store.redis.info("commandstats"))["cmdstat_get"]["calls"])
