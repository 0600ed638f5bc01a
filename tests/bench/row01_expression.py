"""Row 1: one expression, against the same by hand, rule-engine, zen-engine (Rust) and cel-expr-python (C++).

All read the same nested facts: numbers, texts and lists as JSON has them, times as aware datetimes. "By hand" is what a
programmer would write for the same rule: plain Python, no checks of types, nothing for what is missing.
"""

from __future__ import annotations

import datetime
import json
import operator
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import rule_engine
from rule_engine import DataType

from rules.expression import compile_expression
from tests.bench.table import Row, alternate

__all__ = ["CORPUS", "FACTS", "TYPES", "by_hand", "run"]

Facts = Mapping[str, Any]

TYPES: dict[str, Any] = {
    "contact": {
        "score": "number", "country": "text", "plan": "text", "first_name": "text", "email": "text", "vip": "yes/no",
        "visits": "number", "orders": "number", "spent": "number", "created": "datetime", "last_seen": "datetime",
        "wishlist": "list of text", "age": "number", "phone": "text",
    },
    "event": {"name": "text", "price": "number", "quantity": "number", "category": "text", "coupon": "text"},
    "now": "datetime",
}  # fmt: skip
NOW = datetime.datetime(2026, 6, 15, 14, 30, tzinfo=datetime.UTC)
FACTS: dict[str, Any] = {
    "contact": {
        "score": 85, "country": "FR", "plan": "pro", "first_name": "Anne", "email": "anne@example.org", "vip": True,
        "visits": 42, "orders": 3, "spent": 219.9, "created": NOW - datetime.timedelta(days=90),
        "last_seen": NOW - datetime.timedelta(hours=1), "wishlist": ["a12", "b34", "c56"], "age": 34, "phone": None,
    },
    "event": {"name": "Product Added", "price": 89.9, "quantity": 3, "category": "shoes", "coupon": None},
    "now": NOW,
}  # fmt: skip

# rule-engine's text, then the same as Python over c (contact), e (event) and now
CORPUS: list[tuple[str, str]] = [
    ('contact.country == "FR"', 'c["country"] == "FR"'),
    ("contact.score >= 80", 'c["score"] >= 80'),
    ("contact.score <= -50", 'c["score"] <= -50'),
    ("contact.vip", 'c["vip"]'),
    ("not contact.vip", 'not c["vip"]'),
    ("contact.phone == null", 'c["phone"] is None'),
    ('contact.country in ["FR", "BE", "CH"]', 'c["country"] in ("FR", "BE", "CH")'),
    ('contact.plan != "free"', 'c["plan"] != "free"'),
    ("event.price > 50.5", 'e["price"] > 50.5'),
    ("event.quantity == 3", 'e["quantity"] == 3'),
    ("event.price * event.quantity >= 200", 'e["price"] * e["quantity"] >= 200'),
    ('"b34" in contact.wishlist', '"b34" in c["wishlist"]'),
    ("event.category in contact.wishlist", 'e["category"] in c["wishlist"]'),
    ('contact.created > now - t"P180D"', 'c["created"] > now - DAYS_180'),
    ('contact.last_seen < now - t"P30D"', 'c["last_seen"] < now - DAYS_30'),
    ("now.hour >= 9", "now.hour >= 9"),
    ('contact.first_name.as_lower == "anne"', 'c["first_name"].lower() == "anne"'),
    ("contact.first_name.length > 3", 'len(c["first_name"]) > 3'),
    ('contact.email.ends_with(".org")', 'c["email"].endswith(".org")'),
    ("contact.wishlist.length >= 3", 'len(c["wishlist"]) >= 3'),
    ("contact.spent > contact.score", 'c["spent"] > c["score"]'),
    ('contact.score >= 80 and contact.country == "FR"', 'c["score"] >= 80 and c["country"] == "FR"'),
    ('contact.score >= 100 or contact.plan == "pro"', 'c["score"] >= 100 or c["plan"] == "pro"'),
    ("contact.visits >= 10 and contact.orders == 0", 'c["visits"] >= 10 and c["orders"] == 0'),
    ("contact.visits + contact.orders >= 40", 'c["visits"] + c["orders"] >= 40'),
    ('contact.vip ? contact.score > 50 : contact.score > 90', 'c["score"] > 50 if c["vip"] else c["score"] > 90'),
    ('(contact.phone ?? "") == ""', '(c["phone"] if c["phone"] is not None else "") == ""'),
    ('event.category == "shoes" and event.price >= 80 and contact.country == "FR"',
     'e["category"] == "shoes" and e["price"] >= 80 and c["country"] == "FR"'),
    ('contact.country == "DE" or contact.country == "AT" or contact.country == "FR"',
     'c["country"] == "DE" or c["country"] == "AT" or c["country"] == "FR"'),
    ('event.name == "Product Added" and contact.score >= 80 and event.price > 50.5',
     'e["name"] == "Product Added" and c["score"] >= 80 and e["price"] > 50.5'),
    ('contact.score >= 80 and contact.vip and not (contact.plan == "free")',
     'c["score"] >= 80 and c["vip"] and not c["plan"] == "free"'),
    ('contact.age >= 18 and contact.age < 65 and contact.orders > 0',
     'c["age"] >= 18 and c["age"] < 65 and c["orders"] > 0'),
    ('contact.created > now - t"P180D" and contact.orders >= 2 and contact.spent >= 100',
     'c["created"] > now - DAYS_180 and c["orders"] >= 2 and c["spent"] >= 100'),
    ('event.coupon == null and event.price * event.quantity >= 200 and contact.country in ["FR", "BE"]',
     'e["coupon"] is None and e["price"] * e["quantity"] >= 200 and c["country"] in ("FR", "BE")'),
    ('contact.score >= 80 and contact.country == "FR" and contact.plan == "pro" and contact.visits > 10',
     'c["score"] >= 80 and c["country"] == "FR" and c["plan"] == "pro" and c["visits"] > 10'),
    ('(contact.score >= 90 or contact.spent > 200) and contact.vip and contact.country != "US" '
     'and event.quantity >= 2',
     '(c["score"] >= 90 or c["spent"] > 200) and c["vip"] and c["country"] != "US" and e["quantity"] >= 2'),
    ('contact.score >= 80 and contact.country == "FR" and contact.plan == "pro" and contact.visits > 10 '
     'and contact.vip and contact.orders >= 2',
     'c["score"] >= 80 and c["country"] == "FR" and c["plan"] == "pro" and c["visits"] > 10 and c["vip"] '
     'and c["orders"] >= 2'),
    ('event.category == "shoes" and event.price >= 50 and event.quantity >= 2 and contact.score > 20 and '
     'contact.age >= 25 and contact.age <= 45 and contact.plan in ["pro", "enterprise"]',
     'e["category"] == "shoes" and e["price"] >= 50 and e["quantity"] >= 2 and c["score"] > 20 and '
     'c["age"] >= 25 and c["age"] <= 45 and c["plan"] in ("pro", "enterprise")'),
    ('contact.country == "DE" or contact.country == "AT" or contact.country == "IT" or contact.country == "ES" '
     'or contact.country == "PT" or contact.country == "NL" or contact.score >= 80 and contact.vip',
     'c["country"] == "DE" or c["country"] == "AT" or c["country"] == "IT" or c["country"] == "ES" or '
     'c["country"] == "PT" or c["country"] == "NL" or c["score"] >= 80 and c["vip"]'),
    ('contact.score >= 80 and contact.country == "FR" and contact.plan == "pro" and contact.visits > 10 '
     'and contact.vip and contact.orders >= 2 and contact.spent >= 100.5 and contact.age >= 18 and event.price > 20 '
     'and event.quantity >= 1 and event.category == "shoes" and event.name == "Product Added"',
     'c["score"] >= 80 and c["country"] == "FR" and c["plan"] == "pro" and c["visits"] > 10 and c["vip"] '
     'and c["orders"] >= 2 and c["spent"] >= 100.5 and c["age"] >= 18 and e["price"] > 20 and '
     'e["quantity"] >= 1 and e["category"] == "shoes" and e["name"] == "Product Added"'),
]  # fmt: skip

THREE_TERMS = 27


def by_hand(python: str) -> Callable[[Facts], Any]:
    """The Python of the corpus as the function one would write."""
    lines = [f'    {name} = facts["{fact}"]' for name, fact in (("c", "contact"), ("e", "event"), ("now", "now"))
             if f"{name}[" in python or (name == "now" and "now" in python)]  # fmt: skip
    space: dict[str, Any] = {f"DAYS_{days}": datetime.timedelta(days=days) for days in (30, 180)}
    exec("\n".join(["def function(facts):", *lines, f"    return {python}"]), space)
    function: Callable[[Facts], Any] = space["function"]
    return function


def _reference_types() -> dict[str, Any]:
    kinds = {
        "text": DataType.STRING, "number": DataType.FLOAT, "yes/no": DataType.BOOLEAN, "datetime": DataType.DATETIME,
        "list of text": DataType.ARRAY(DataType.STRING),
    }  # fmt: skip
    return {
        name: DataType.OBJECT(name, {field: kinds[one] for field, one in kind.items()}, accessor=operator.getitem)
        if isinstance(kind, dict)
        else kinds[kind]
        for name, kind in TYPES.items()
    }


def _reference(text: str) -> Callable[[Facts], Any]:
    context = rule_engine.Context(
        resolver=rule_engine.resolve_item,
        type_resolver=_reference_types(),
        default_value=None,
        default_timezone="utc",
    )
    evaluate: Callable[[Facts], Any] = rule_engine.Rule(text, context).evaluate
    return evaluate


def _loop(function: Callable[[Facts], Any], number: int) -> float:
    """Seconds a call takes."""
    facts = FACTS
    begun = time.perf_counter()
    for _ in range(number):
        function(facts)
    return (time.perf_counter() - begun) / number


def _corpus_run(functions: list[Callable[[Facts], Any]], number: int) -> Callable[[], float]:
    """Nanoseconds an expression takes, on average of the corpus."""
    return lambda: 1e9 * statistics.mean(_loop(function, number) for function in functions)


def _worst(mine: list[Callable[[Facts], Any]], theirs: list[Callable[[Facts], Any]]) -> tuple[float, str]:
    """The expression whose ratio to the other is highest: the best of seven runs of each, in turn."""
    worst = (0.0, "")
    for one, other, (text, _) in zip(mine, theirs, CORPUS, strict=True):
        best = [float("inf"), float("inf")]
        for _ in range(7):
            best = [min(best[0], _loop(one, 5000)), min(best[1], _loop(other, 5000))]
        worst = max(worst, (best[0] / best[1], text))
    return worst


def _zen() -> Callable[[Facts], Any]:
    import zen  # type: ignore[import-not-found]

    expression = zen.compile_expression("event.category == 'shoes' and event.price >= 80 and contact.country == 'FR'")
    facts = json.loads(json.dumps(FACTS, default=str))
    assert expression.evaluate(facts) is True
    return lambda _: expression.evaluate(facts)


def _cel() -> Callable[[Facts], Any]:
    from cel_expr_python import cel  # type: ignore[import-not-found]

    environment = cel.NewEnv(variables={"event": cel.Type.DYN, "contact": cel.Type.DYN})
    compiled = environment.compile('event.category == "shoes" && event.price >= 80.0 && contact.country == "FR"')
    facts = json.loads(json.dumps(FACTS, default=str))
    data = {"event": facts["event"], "contact": facts["contact"]}
    assert compiled.eval(data=data).value() is True
    return lambda _: compiled.eval(data=data)


def _peers(mine: Callable[[Facts], Any]) -> list[Row]:
    """The three-term rule against compiled engines from PyPI."""
    rows = []
    for name, make in (("zen-engine", _zen), ("cel-expr-python", _cel)):
        what = f"three terms, against {name}"
        try:
            theirs = make()
        except Exception as error:
            rows.append(Row(1, what, f"could not run: {type(error).__name__}: {error}", target="≥ 3 × faster"))
            continue
        ours, other = alternate([lambda: 1e9 * _loop(mine, 50_000), lambda one=theirs: 1e9 * _loop(one, 5_000)])
        ratio = other.median / ours.median
        rows.append(
            Row(1, what, ours.text("ns"), other.text("ns"), f"{ratio:.0f} × faster", "≥ 3 × faster", ratio >= 3)
        )
    return rows


def run() -> list[Row]:
    """The corpus against Python by hand and against rule-engine; three terms against two compiled engines."""
    warnings.simplefilter("ignore", rule_engine.errors.MappingAttributeLookupDeprecation)
    mine = [compile_expression(text, TYPES).run for text, _ in CORPUS]
    hand = [by_hand(python) for _, python in CORPUS]
    reference = [_reference(text) for text, _ in CORPUS]
    for (text, _), one, two, three in zip(CORPUS, mine, hand, reference, strict=True):
        assert bool(one(FACTS)) is bool(two(FACTS)) is bool(three(FACTS)), text
    ours, by, engine = alternate(
        [_corpus_run(mine, 4000), _corpus_run(hand, 4000), _corpus_run(reference, 20)], repeats=7
    )
    slower, faster = ours.median / by.median, engine.median / ours.median
    worst, text = _worst(mine, hand)
    shown = text if len(text) <= 40 else text[:37] + "…"
    return [
        Row(1, "an expression, of 40", ours.text("ns"), "by hand " + by.text("ns"), f"{slower:.2f} ×", "≤ 2 ×",
            slower <= 2),
        Row(1, f"the worst of them ({shown})", "", "by hand", f"{worst:.2f} ×"),
        Row(1, "the same against rule-engine", ours.text("ns"), engine.text("ns"), f"{faster:.0f} × faster",
            "≥ 100 × faster", faster >= 100),
        *_peers(mine[THREE_TERMS]),
    ]  # fmt: skip
