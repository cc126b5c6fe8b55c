"""The sign-in form: user name, password and language (G 6.1)."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import lockout


class SignInForm(AuthenticationForm):  # type: ignore[misc]
    language = forms.ChoiceField(label=_("Language"), required=False, widget=UnfoldAdminSelectWidget)

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _(
            "User name or password is wrong, or all your dialer groups are disabled. Both are case-sensitive."
        ),
    }

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        field = self.fields["language"]
        field.choices = settings.LANGUAGES
        field.initial = translation.get_language()
        field.widget.attrs["form"] = "login-form"

    def get_invalid_login_error(self) -> ValidationError:
        """Also for a right password while the name is locked."""
        name = self.cleaned_data.get("username", "")
        if getattr(self.request, "axes_locked_out", False):
            return ValidationError(lockout.words(lockout.seconds_left(self.request, name)), code="locked")
        error: ValidationError = super().get_invalid_login_error()
        return error

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        if not user.is_active:
            raise ValidationError(self.error_messages["invalid_login"], code="invalid_login")
