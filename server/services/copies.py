"""Copies of a card: where an answer was lost, a chat may show one card twice. Both act on the one alert.

Nobody knows of the first copy until somebody presses a button on it. From then on it is kept up to date as well.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from server.model.delivery import Delivery, Place

__all__ = ["with_copy"]


def with_copy(known: Mapping[Place, Delivery], platform: str, reference: str) -> tuple[Place, Delivery] | None:
    """Whose card a pressed message is, and what is known of it then; None where that is on record, or cannot be told.

    A reference is `<chat>:<message>`, with a mark behind it on some: the chat tells the place.
    """
    chat, message = _parts(reference)
    places = {place: delivery for place, delivery in known.items() if place.platform == platform}
    if any((chat, message) == _parts(each) for one in places.values() for each in (one.reference, *one.copies)):
        return None  # of two topics of one group each has its own
    for place, delivery in places.items():
        if chat == _parts(delivery.reference)[0]:
            return place, replace(delivery, copies=(*delivery.copies, reference), revision=0)
    lost = [(place, delivery) for place, delivery in places.items() if delivery.unsure]
    if len(lost) != 1:
        return None
    place, delivery = lost[0]
    return place, replace(delivery, state="sent", reference=reference, revision=0, unsure=False)


def _parts(reference: str) -> tuple[str, str]:
    chat, message, *_ = *reference.split(":"), ""
    return chat, message
