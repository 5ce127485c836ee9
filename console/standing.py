"""Who a caller is to the requests that they look at: their own rights, and the places of others in which they decide now.

Read once per request. What is decided is judged anew by the service, in its own transaction.
"""

from typing import cast

from django.http import HttpRequest

from approvals.facts import Person
from approvals.places import with_places
from console.auth import Caller, caller_of
from console.rights import Right

_KEY = "countersign.person"


def standing(request: HttpRequest) -> Person:
    """Return who sent the request by its session cookie; asked for the password, they would give it."""
    person = request.META.get(_KEY)
    if person is None:
        person = request.META[_KEY] = person_of(caller_of(request))
    return cast(Person, person)


def person_of(caller: Caller, *, reauthenticated: bool = True) -> Person:
    """Return the human behind a caller with the places in which they decide; whoever decides nothing has none."""
    person = caller.person(reauthenticated=reauthenticated)
    return with_places(person) if caller.has(Right.DECIDE) else person
