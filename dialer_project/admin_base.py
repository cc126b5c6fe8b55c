"""The one base class of the admin site: scope on every read, services on every write (invariant I9).

An admin class of this project names its service calls in a `ServiceForm` and in `remove`; rows, permissions and
the choices of foreign keys come from `accounts.scope` here and nowhere else.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NoReturn
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from accounts import audit, scope
from accounts.models import Change, User
from accounts.scope import Action
from dialer_project.change_list import PagedChangeList


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A model form that writes through a service, as the last step of its cleaning.

    So the service's refusals are errors of the form, beside the field they speak of, and nothing of the rules
    is repeated here. The admin form is validated once, inside the transaction of its request.
    """

    actor: ClassVar[User]
    """The signed-in user; set on the class that each request makes for itself."""
    error_fields: ClassVar[Mapping[str, str]] = {}
    """Field names of the service's errors -> names in this form, where they differ."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shown = getattr(self, "_meta").fields or ()  # noqa: B009 - what the page's fieldsets name
        for name in set(self.fields) - set(shown):  # declared here, but not on this page
            del self.fields[name]

    def write(self, fields: dict[str, Any]) -> Model:
        """Calls the service with the cleaned fields; returns the saved row."""
        raise NotImplementedError

    @property
    def is_new(self) -> bool:
        return bool(self.instance._state.adding)

    def _post_clean(self) -> None:
        if self.errors:
            return
        try:
            with transaction.atomic():
                if not self.is_new and (seen := self.data.get("seen")):
                    audit.require_unchanged(self.instance, seen)
                self.instance = self.write(dict(self.cleaned_data))
        except ValidationError as error:
            add_refusal(self, error, self.error_fields)
        except IntegrityError:
            self.add_error(
                None, _("Somebody else has just saved the same. Look at the list, then try again.")
            )

    def save(self, commit: bool = True) -> Any:
        """The row is written already."""
        return self.instance

    def save_m2m(self) -> None:
        """Written by the service."""


def add_refusal(
    form: forms.BaseForm, error: ValidationError, error_fields: Mapping[str, str] | None = None
) -> None:
    """Puts a service's refusal beside the fields it speaks of; what has no field goes to the top."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, errors in error.error_dict.items():
        field = (error_fields or {}).get(name, name)
        form.add_error(field if field in form.fields else None, errors)


def refusal_words(error: Exception) -> list[str]:
    """What a service's refusal says, for a message."""
    return error.messages if isinstance(error, ValidationError) else [str(error)]


class ScopedModelAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows, permissions and choices by `accounts.scope`; writes by services."""

    model: type[Model]
    list_per_page = 10  # G 6.4
    list_max_show_all = 100
    show_full_result_count = False
    actions: Any = None
    compressed_fields = True
    warn_unsaved_form = True
    list_filter_submit = False
    list_fullwidth = True
    change_form_before_template = "dialer/seen.html"
    stays_words: str | Promise = ""
    """What a deletion leaves."""
    empty_words: str | Promise = ""
    without_filters: ClassVar[dict[str, str]] = {}
    """What an address must say to get all rows, where a filter holds unless asked otherwise."""
    """Of a list without any row: how rows come there."""

    # --- rows ---------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return scope.visible(request.user, super().get_queryset(request))

    def scoped(self, request: HttpRequest, pk: object, action: Action = Action.VIEW) -> Any:
        """The row `pk`, if the user may do `action` to it: 404 for one they can't see, else 403."""
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        if not self._may(request, action, row):
            raise PermissionDenied
        return row

    def _get_obj_does_not_exist_redirect(self, *args: Any) -> NoReturn:
        raise Http404

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PagedChangeList]:
        return PagedChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        page = (getattr(response, "context_data", None) or {}).get("cl")
        if (
            page is not None
            and page.full_result_count is None
            and not page.has_active_filters
            and not page.query
        ):
            page.full_result_count = page.result_count  # else the title says "(Show all)" when all are shown
        return response

    def get_actions(self, request: HttpRequest) -> Any:
        """Only our own: Django's bulk deletion knows no services."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    # --- permissions --------------------------------------------------------------------------------
    def _may(self, request: HttpRequest, action: Action, obj: Any = None) -> bool:
        """Scope's answer, asked once per object in a request."""
        if not isinstance(obj, Model) or obj.pk is None:
            return scope.may(request.user, action, self.model)
        known: dict[Any, bool] = request.__dict__.setdefault("scope_answers", {})
        question = (action, obj._meta.label_lower, obj.pk)
        if question not in known:
            known[question] = scope.allowed(request.user, action, obj)
        return known[question]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, Action.VIEW, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, Action.ADD)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, Action.CHANGE, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, Action.DELETE, obj)

    def why_locked(self, row: Any) -> str:
        """Why a row that the user may change can't be changed or deleted now, where that is its state."""
        return ""

    # --- choices ------------------------------------------------------------------------------------
    def choices(self, request: HttpRequest, db_field: Any) -> QuerySet[Any]:
        """Rows that a foreign key of this form offers."""
        return scope.visible(request.user, db_field.remote_field.model._default_manager.all())

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", self.choices(request, db_field))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", self.choices(request, db_field))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Without the pencil and plus beside a foreign key: their pop-ups lead out of the form."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        wrapper = getattr(field, "widget", None)
        for icon in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
            if hasattr(wrapper, icon):
                setattr(wrapper, icon, False)
        return field

    # --- writes -------------------------------------------------------------------------------------
    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:  # type: ignore[type-arg]
        form: type[Any] = super().get_form(request, obj, change, **kwargs)
        form.actor = request.user
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's service has written the row."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Likewise."""

    def remove(self, actor: User, obj: Any) -> None:
        """Calls the service that deletes `obj`."""
        raise PermissionDenied

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        assert isinstance(request.user, User)
        self.remove(request.user, obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            more = {"stays_words": self.stays_words, **(extra_context or {})}
            response: HttpResponse = super().delete_view(request, object_id, more)
        except ValidationError as refusal:
            self.tell(request, refusal)
            return HttpResponseRedirect(self.url("change", object_id))
        except PermissionDenied:
            row = self.get_object(request, object_id)
            if row is None or not self.why_locked(row) or not self._may(request, Action.DELETE, row):
                raise
            messages.error(request, self.why_locked(row))  # their right, but not now
            return HttpResponseRedirect(self.url("change", object_id))
        return response

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kw: Any
    ) -> Any:
        """A form that was open for a while does not know what changed meanwhile: it is told."""
        try:
            return super().changeform_view(request, object_id, *args, **kw)
        except PermissionDenied:
            row = self.get_object(request, object_id) if object_id else None
            if row is None or not self.why_locked(row) or not self._may(request, Action.CHANGE, row):
                raise
            raise PermissionDenied(self.why_locked(row)) from None

    # --- history ------------------------------------------------------------------------------------
    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What people did to this object: the record of changes, which is the Masters' (`accounts.audit`)."""
        scope.require(request.user, Action.VIEW, Change)
        row = self.scoped(request, object_id)
        query = urlencode({"kind": row._meta.label_lower, "object_id": row.pk})
        return HttpResponseRedirect(f"{reverse('admin:accounts_change_changelist')}?{query}")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        context["show_history"] = scope.may(request.user, Action.VIEW, Change)
        row = context.get("original")
        if row is not None and self.has_change_permission(request, row):
            # Two people who edit one object do not overwrite each other: what this one has seen goes with the form.
            context["seen"] = request.POST.get("seen") or audit.fingerprint(
                self.get_object(request, str(row.pk))
            )
        return super().render_change_form(request, context, *args, **kwargs)

    def log_addition(self, *args: Any) -> None:
        """Django's own log: the record of changes says more."""

    def log_change(self, *args: Any) -> None:
        """Likewise."""

    def log_deletions(self, *args: Any) -> None:
        """Likewise."""

    # --- pages --------------------------------------------------------------------------------------
    def tell(self, request: HttpRequest, refusal: Exception) -> None:
        """A service's refusal as messages on the next page."""
        for words in refusal_words(refusal):
            messages.error(request, words)

    def url(self, page: str, *args: object) -> str:
        """Address of one of this class's pages: `changelist`, `change`, or a name of `pages()`."""
        opts = self.model._meta
        return reverse(f"{self.admin_site.name}:{opts.app_label}_{opts.model_name}_{page}", args=args)

    def pages(self) -> list[tuple[str, str, Callable[..., HttpResponse]]]:
        """Further pages: (address below the list, name, view). Each asks `scoped` for its row."""
        return []

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        opts = self.model._meta
        return tuple(
            (address, f"{opts.app_label}_{opts.model_name}_{name}", _without_admin(view))
            for address, name, view in self.pages()
        )

    def page_context(self, request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
        """Context of a further page; `title` says what is done there, the row is named before it."""
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "page_title": title,
            "opts": self.model._meta,
            "model_admin": self,
            **more,
        }


def _without_admin(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Unfold hands the admin to custom views; ours are methods of it."""

    def page(request: HttpRequest, *, model_admin: Any = None, **kwargs: Any) -> HttpResponse:
        return view(request, **kwargs)

    return page
