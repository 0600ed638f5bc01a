"""The environment as typed settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.settings import Settings, SettingsError, load_settings, unknown_settings


def test_an_empty_environment_is_a_working_installation() -> None:
    settings = load_settings({"RELANCE_PORT": "", "RELANCE_REDIS_URL": " "})
    assert settings == Settings()
    assert (settings.port, settings.data_dir, settings.timezone, settings.fsync) == (
        8080,
        Path("data"),
        "UTC",
        "always",
    )
    assert settings.url == "http://localhost:8080"


def test_values_are_typed() -> None:
    settings = load_settings(
        {
            "RELANCE_PORT": "9000",
            "RELANCE_LANGUAGE": "FR",
            "RELANCE_PUBLIC_URL": "https://relance.example.com/",
            "RELANCE_REDIS_URL": "unix:///run/redis.sock",
        }
    )
    assert settings.port == 9000
    assert settings.language == "fr"
    assert settings.url == "https://relance.example.com"
    assert settings.redis_url == "unix:///run/redis.sock"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "8" * 5000),
        ("PORT", "８０８０"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://localhost:port"),
        ("REDIS_URL", "http://localhost"),
        ("QUEUE_REDIS_URL", "unix://"),
        ("PUBLIC_URL", "relance.example.com"),
        ("PUBLIC_URL", "https://a/?b=c"),
        ("SECRET_KEY", "short"),
        ("TIMEZONE", "Mars/Olympus"),
        ("TIMEZONE", "../../etc/passwd"),
        ("LANGUAGE", "de"),
        ("LOG_LEVEL", "loud"),
        ("PARTITIONS", "-1"),
        ("FSYNC", "no"),
        ("SLACK_BOT_TOKEN", "xoxb-1,"),
        ("SLACK_BOT_TOKEN", "xoxb-1,,xoxb-2"),
        ("SLACK_BOT_TOKEN", "xoxb-1, xoxb-1"),
        ("SLACK_APP_TOKEN", "xapp-1,xoxb-2"),
        ("SLACK_SIGNING_SECRET", "a,b"),
        ("SLACK_BOT_TOKEN", "xoxb-\x07"),
        ("SLACK_BOT_TOKEN", "xapp-1"),
        ("SLACK_APP_TOKEN", "xoxb-1"),
        ("TELEGRAM_TOKEN", "token"),
        ("TELEGRAM_TOKEN", "12:"),
        ("TELEGRAM_SECRET", "a b"),
        ("TELEGRAM_SECRET", "s" * 257),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_variable_and_not_the_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({f"RELANCE_{name}": value})
    assert str(caught.value).startswith(f"RELANCE_{name} ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 120


def test_several_workspaces_have_a_token_each_and_a_secret_each_or_one_for_all() -> None:
    tokens = {"RELANCE_SLACK_BOT_TOKEN": "xoxb-1, xoxb-2"}
    settings = load_settings(
        {**tokens, "RELANCE_SLACK_SIGNING_SECRET": "s", "RELANCE_SLACK_APP_TOKEN": "xapp-1,xapp-2"}
    )
    assert settings.slack_bot_token == ("xoxb-1", "xoxb-2")
    assert settings.slack_signing_secret == ("s",)
    assert settings.slack_app_token == ("xapp-1", "xapp-2")
    for name, value in (("SLACK_SIGNING_SECRET", "a,b,c"), ("SLACK_APP_TOKEN", "xapp-1,xapp-2,xapp-3")):
        with pytest.raises(SettingsError, match="one for each of RELANCE_SLACK_BOT_TOKEN"):
            load_settings({**tokens, f"RELANCE_{name}": value})


def test_a_password_in_a_wrong_url_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"RELANCE_REDIS_URL": "rdis://:hunter2@redis:6379"})
    assert "hunter2" not in str(caught.value)


def test_a_misspelt_variable_is_found_with_what_was_meant() -> None:
    assert unknown_settings({"RELANCE_PROT": "1", "RELANCE_PORT": "1", "PATH": "/"}) == [
        ("RELANCE_PROT", "RELANCE_PORT")
    ]
