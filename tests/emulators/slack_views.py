"""Modals of the emulated workspace: opened by a trigger, updated, sent back, by Slack's rules."""

from __future__ import annotations

import time
from typing import Any

from tests.emulators.block_kit import BadBlocks, check_home, check_view, texts

__all__ = ["Form", "Views"]

TRIGGER_SECONDS = 20.0  # three at Slack; a machine that runs tests may be busy with something else


class Form:
    """A modal that somebody sees, with all its revisions; `errors` are those shown at its fields."""

    def __init__(self, identifier: str, user: str, content: dict[str, Any]) -> None:
        self.id = identifier
        self.user = user
        self.revisions = [content]
        self.errors: dict[str, str] = {}
        self.is_open = True

    @property
    def content(self) -> dict[str, Any]:
        return self.revisions[-1]

    @property
    def text(self) -> str:
        """Everything that a reader sees, the title and what stands in the fields included."""
        return "\n".join([self.content["title"]["text"], *texts(self.content["blocks"])])

    @property
    def fields(self) -> list[str]:
        """What stands in each field."""
        return [block["element"].get("initial_value", "") for block in self._inputs]

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """The buttons by their labels."""
        found = {}
        for block in self.content["blocks"]:
            elements = [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else [])]
            found.update({one["text"]["text"]: one for one in elements if one.get("type") == "button"})
        return found

    def submitted(self, written: tuple[str, ...]) -> dict[str, Any]:
        """The view as it is sent back, with these texts in its fields; fields without one stay as they are."""
        assert self.is_open, "the form is closed"
        values = {}
        for number, block in enumerate(self._inputs):
            element = block["element"]
            text = written[number] if number < len(written) else element.get("initial_value", "")
            assert text or block.get("optional"), "Slack asks for a text here"
            assert len(text) <= element.get("max_length", 3000), "Slack takes no more here"
            values[block["block_id"]] = {element["action_id"]: {"type": "plain_text_input", "value": text or None}}
        return {
            "id": self.id, "type": "modal", "callback_id": self.content.get("callback_id", ""),
            "private_metadata": self.content.get("private_metadata", ""), "state": {"values": values},
            "hash": f"{len(self.revisions)}.x", "blocks": self.content["blocks"],
        }  # fmt: skip

    def answered(self, answer: dict[str, Any]) -> str:
        """Do what the app answered to the form."""
        self.errors = {}
        kind = answer.get("response_action", "close")
        match kind:
            case "errors":
                assert answer["errors"], "errors without one"
                assert answer["errors"].keys() <= {block["block_id"] for block in self._inputs}, "no such field"
                self.errors = answer["errors"]
            case "update":
                check_view(answer["view"])
                self.revisions.append(answer["view"])
            case "clear" | "close":
                self.is_open = False
            case _:
                raise AssertionError(f"Slack knows no response_action {kind}")
        return str(kind)

    @property
    def _inputs(self) -> list[dict[str, Any]]:
        return [block for block in self.content["blocks"] if block["type"] == "input"]


class Views:
    """The modals of everybody."""

    def __init__(self) -> None:
        self.forms: dict[str, Form] = {}
        self.homes: dict[str, list[dict[str, Any]]] = {}  # user → what their App Home has shown
        self._triggers: dict[str, tuple[str, float]] = {}

    def publish(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """What `views.publish` answers."""
        view = arguments.get("view") or {}
        try:
            check_home(view)
        except (BadBlocks, KeyError, TypeError, AttributeError) as error:
            return {"ok": False, "error": "invalid_arguments", "response_metadata": {"messages": [str(error)]}}
        self.homes.setdefault(arguments["user_id"], []).append(view)
        return {"ok": True, "view": {"id": f"H{arguments['user_id']}", **view}}

    def of(self, user: str) -> list[Form]:
        """The forms that are open to somebody, oldest first."""
        return [form for form in list(self.forms.values()) if form.user == user and form.is_open]

    def trigger(self, user: str, identifier: str) -> str:
        self._triggers[identifier] = (user, time.monotonic())
        return identifier

    def open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """What `views.open` answers."""
        user, made = self._triggers.pop(arguments.get("trigger_id", ""), ("", 0.0))
        if not user:
            return {"ok": False, "error": "exchanged_trigger_id"}
        if time.monotonic() - made > TRIGGER_SECONDS:
            return {"ok": False, "error": "expired_trigger_id"}
        if (wrong := _wrong(arguments)) is not None:
            return wrong
        form = Form(f"V{len(self.forms):08d}", user, arguments["view"])
        self.forms[form.id] = form
        return {"ok": True, "view": {"id": form.id, **form.content}}

    def update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """What `views.update` answers."""
        form = self.forms.get(arguments.get("view_id", ""))
        if form is None or not form.is_open:
            return {"ok": False, "error": "not_found"}
        if (wrong := _wrong(arguments)) is not None:
            return wrong
        form.revisions.append(arguments["view"])
        return {"ok": True, "view": {"id": form.id, **form.content}}


def _wrong(arguments: dict[str, Any]) -> dict[str, Any] | None:
    try:
        check_view(arguments.get("view"))
    except (BadBlocks, KeyError, TypeError, AttributeError) as error:
        return {"ok": False, "error": "invalid_arguments", "response_metadata": {"messages": [str(error)]}}
    return None
