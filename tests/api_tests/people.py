"""Users of the API under test, and how they present themselves.

Import it only after ``django.setup()``.
"""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.test import Client
from openwisp_users.models import Group, OrganizationUser
from rest_framework.authtoken.models import Token

User = get_user_model()


def user(name, *, organization=None, group=None, admin=True, **kwargs):
    """Returns a new user, by default of the staff.

    Arguments:
        name: the name.
        organization: one to be a member of.
        group: name of a default group.
        admin: whether the member manages the organization.
        kwargs: further values of the user.
    """
    values = {"is_staff": True, "email": f"{name}@example.org", **kwargs}
    made = User.objects.create_user(username=name, password="secret", **values)
    if group:
        made.groups.set(Group.objects.filter(name=group))
    if organization:
        OrganizationUser.objects.create(
            user=made, organization=organization, is_admin=admin
        )
    return made


def superuser(name):
    """Returns a new superuser."""
    return user(name, is_superuser=True)


def token_of(somebody):
    """Returns the token of a user."""
    return Token.objects.get_or_create(user=somebody)[0].key


def cookie_of(somebody):
    """Returns the header that presents the session of a user."""
    client = Client()
    client.force_login(somebody)
    return f"sessionid={client.cookies['sessionid'].value}"
