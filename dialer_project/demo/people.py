"""The demo's users, one for each role, and their passwords: made once for an installation, then kept."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from accounts.models import Role, User
from accounts.services import create_user
from groups.models import DialerGroup

_WORDS = (
    "amber anchor apple autumn badge barley basket beacon birch bottle bridge bronze candle canyon carbon castle "
    "cedar cherry cinder clover cobalt copper coral cotton desert dolphin ember falcon feather fern garden ginger "
    "glacier granite harbor hazel heron island ivory jasmine juniper kettle lagoon lantern lemon linen maple "
    "marble meadow mirror nectar oasis olive orchard otter pepper pillow quartz raven river saddle saffron"
)

USERS = (
    ("master", Role.MASTER, "Maria", "Master"),
    ("manager", Role.MANAGER, "Marcos", "Manager"),
    ("administrator", Role.CAMPAIGN_ADMINISTRATOR, "Ada", "Administrator"),
    ("supervisor", Role.CAMPAIGN_SUPERVISOR, "Saul", "Supervisor"),
)


@dataclass(frozen=True)
class SignIn:
    username: str
    password: str
    """Empty for a user that was there before the demo, whose password is not known."""
    role: str


def make_users(group: DialerGroup, folder: Path) -> list[SignIn]:
    """The four users, in `group`. Passwords are kept in `folder`/demo-passwords.json (for its owner alone).

    A user with such a name who is not the demo's is left as they are.
    """
    kept = _Passwords(folder / "demo-passwords.json")
    sign_ins = []
    for username, role, first_name, last_name in USERS:
        user = User.objects.filter(username=username).first()
        if user is None:
            password = kept.make(username)
            create_user(
                None,
                username=username,
                password=password,
                first_name=first_name,
                last_name=last_name,
                role=role,
                groups=[group],
            )
        sign_ins.append(SignIn(username, kept.known(username), str(role.label)))
    return sign_ins


class _Passwords:
    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._by_user: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._by_user = {}

    def known(self, username: str) -> str:
        return self._by_user.get(username, "")

    def make(self, username: str) -> str:
        """Three words and two digits: easy to type, hard to guess for a system on one machine."""
        words = "-".join(secrets.choice(_WORDS.split()) for _ in range(3))
        self._by_user[username] = f"{words}-{secrets.randbelow(90) + 10}"
        draft = self._path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(self._by_user, file)
        draft.replace(self._path)
        return self._by_user[username]
