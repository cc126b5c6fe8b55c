"""Sessions in the database. The note of a session's last use (`idle_sessions`) costs its page one query, not three."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError


class SessionStore(db.SessionStore):
    """Django's own; it writes an existing session in one statement, which needs no transaction around it."""

    def save(self, must_create: bool = False) -> None:
        if must_create or self.session_key is None:
            super().save(must_create)
            return
        row = self.create_model_instance(dict(self.items()))
        changed = self.model.objects.filter(pk=row.pk).update(
            session_data=row.session_data, expire_date=row.expire_date
        )
        if not changed:
            raise UpdateError  # it ended meanwhile: a sign-out elsewhere is not undone
