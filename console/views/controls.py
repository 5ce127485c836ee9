"""Switching control requests on and off, at the measures that they belong to."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from approvals import controls
from approvals.errors import StaleSetting
from console.auth import caller_of
from console.forms import PlantControls
from console.fragments import page
from console.rights import Right
from console.views.form_only import form_only
from console.views.guard import guard
from console.views.measures import TEMPLATE, context


@form_only
@guard(Right.PLANT_CONTROLS)
def control(request: HttpRequest) -> HttpResponse:
    """Set whether control requests are planted and how often; what is wrong stands beside its field."""
    form = PlantControls(request.POST)
    caller = caller_of(request)
    if form.is_valid():
        try:
            row = controls.set_rate(**form.cleaned_data, person=caller.person(), actor=caller.actor())
        except StaleSetting as error:
            form.add_error(None, error.detail)
        else:
            messages.success(request, "Control requests are on." if row.on else "Control requests are off.")
            return redirect("measures")
    return page(request, TEMPLATE, lambda: context(request, form), status=422)
