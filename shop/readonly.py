"""Admin pages to look at: nothing is added, changed or deleted, not even by a superuser."""

from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

#: A staff list shows this many rows at most; whoever looks for more searches.
ROWS_MAX = 1000


class BoundedPaginator(Paginator[Any]):
    """Counts up to `ROWS_MAX`: an exact count of a million rows is slower than the page."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:ROWS_MAX].count())


class NewestFirst(ChangeList):
    """In the order of the rows, whatever the address asks: any other sorts a million of them."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        return list(self.model_admin.get_ordering(request))


M = TypeVar("M", bound=Model)


class ReadOnlyAdmin(admin.ModelAdmin[M]):
    """Rows move by their services only. A list costs the same however many there are.

    Whoever adds a filter or a search field sees to its index; `tests/test_staff_lists.py` looks.
    """

    actions = None
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-id",)
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NewestFirst

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        """The newest rows of exactly this name.

        Each kind of name is asked for by itself: an OR over two tables reads both from end to end.
        """
        if not search_term:
            return queryset, False
        found: set[Any] = set()
        for name in self.get_search_fields(request):
            # What is no number is nobody's number.
            with suppress(ValueError, ValidationError):
                named = self.model._default_manager.filter(**{str(name): search_term})
                found.update(named.order_by("-pk").values_list("pk", flat=True)[:ROWS_MAX])
        return queryset.filter(pk__in=found), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False
