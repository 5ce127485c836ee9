"""An operator's levers on tools, on the tool's page (TOOL-6): raised, lowered by an admin, switched off and on."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from approvals.models import ToolSetting
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
PAGE = "/tools/write_file/"


def sent(client: Client, **said: str) -> int:
    """Send the form of the tool's page; returns the status."""
    row = ToolSetting.objects.filter(name="write_file").first()
    shown = {
        "tier": "reversible_write",
        "enabled": "true",
        "reason": "Wrong files.",
        "revision": str(row.revision if row else 0),
    }
    return client.post(PAGE, {**shown, **said}).status_code


def setting() -> tuple[str | None, bool]:
    """How the tool stands."""
    return ToolSetting.objects.values_list("tier", "enabled").get(name="write_file")


def test_an_operator_raises_a_tier_and_the_page_shows_the_setting_and_its_history(
    world: World, signed_in: SignedIn, olga: User
) -> None:
    """With the reason, who and when."""
    client = signed_in(olga)
    assert sent(client, tier="destructive") == 302
    assert setting() == ("destructive", True)
    page = client.get(PAGE).content.decode()
    assert "Reversible write to Destructive" in page
    assert "Wrong files." in page
    assert "Set by an operator" in client.get("/tools/").content.decode()


def test_lowering_is_an_admins(world: World, signed_in: SignedIn, olga: User, ada: User) -> None:
    """The operator finds it disabled, and is refused where it is sent all the same."""
    sent(signed_in(olga), tier="destructive")
    assert 'value="read_only" disabled' in signed_in(olga).get(PAGE).content.decode()
    assert sent(signed_in(olga), tier="reversible_write") == 422
    assert setting() == ("destructive", True)
    assert sent(signed_in(ada), tier="reversible_write") == 302
    assert setting() == (None, True)


def test_a_tool_is_switched_off_and_on(world: World, signed_in: SignedIn, olga: User) -> None:
    """Both by an operator, in one form with the tier."""
    client = signed_in(olga)
    assert sent(client, enabled="false", tier="irreversible_write") == 302
    assert setting() == ("irreversible_write", False)
    assert "Switched off" in client.get("/tools/").content.decode()
    assert sent(client, enabled="true", tier="irreversible_write") == 302
    assert setting() == ("irreversible_write", True)


@pytest.mark.parametrize("wrong", [{"reason": ""}, {"tier": "harmless"}, {"revision": "0"}, {"enabled": "perhaps"}])
def test_what_is_wrong_is_said_and_sets_nothing(world: World, signed_in: SignedIn, olga: User, wrong: dict[str, str]) -> None:
    """No reason, no such tier, or somebody was faster: the form stands with what was typed."""
    sent(signed_in(olga), tier="irreversible_write")
    assert sent(signed_in(olga), **{"tier": "destructive", **wrong}) == 422
    assert setting() == ("irreversible_write", True)


def test_who_may_not_set_sees_how_it_stands_and_no_form(world: World, signed_in: SignedIn, remy: User) -> None:
    """And a tool that is not there is not found."""
    page = signed_in(remy).get(PAGE).content.decode()
    assert "Settings so far" in page
    assert 'name="tier"' not in page
    assert signed_in(remy).get("/tools/nothing/").status_code == 404
