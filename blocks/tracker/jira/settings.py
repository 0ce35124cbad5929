"""The settings of a Jira project. Everything in this package takes these, so that nothing imports the block."""

from __future__ import annotations

import re
import warnings
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator, model_validator

from blocks.http.address import Address
from blocks.tracker.base import PROJECT_KEY
from blocks.wishes import FIELDS as WISHES

Names = dict[str, str]
READ = (
    "analysis",
    "metrics",
    "dimensions",
    "data_sources",
    "deadline",
    "requester",
    *WISHES,
)  # mapped fields of a request
WRITTEN = ("release", "freshness")  # mapped fields that are written
DEFAULTS: dict[str, Names] = {
    "fields": {"deadline": "duedate"},
    "statuses": {
        "open": "To Do",
        "in_progress": "In Progress",
        "incomplete": "",
        "accepted": "",
        "changes_requested": "",
        "failed": "",
        "done": "Done",
    },
    "labels": {"incomplete": "incomplete-request", "failed": "failed-request"},
    "priorities": {
        "Blocker": "highest",
        "Critical": "high",
        "Major": "medium",
        "Minor": "low",
        "Trivial": "lowest",
    },
}


class JiraSettings(BaseModel):
    """Where the project is, how to log in, and what this Jira calls its fields, statuses and labels."""

    project: str = Field(description="key of the project, as in AN-7's AN", pattern=f"^{PROJECT_KEY}$")
    server: Address = Field(
        description="address of Jira, with its context path", pattern=r"^https?://[^\s@?#]+$"
    )
    email: str | None = Field(None, description="the account's e-mail: Jira Cloud; none: Data Center")
    token: SecretStr = Field(description="API token (Cloud) or personal access token (Data Center)")
    jql: str = Field("", description="which tickets wait for work; empty: those not done")
    fields: Names = Field(
        {},
        description=f"our name to a field's name or id: {', '.join(READ + WRITTEN)}",
        validate_default=True,
    )
    statuses: Names = Field(
        {}, description="our name to Jira's; empty: the ticket stays where it is", validate_default=True
    )
    priorities: Names = Field({}, description="Jira's name to highest, high, … lowest", validate_default=True)
    incident_type: str = Field("Bug", description="issue type of incidents")
    link_type: str = Field("Relates", description="link between an incident and the requests it holds up")
    labels: Names = Field({}, description="labels of incomplete and failed tickets", validate_default=True)
    api_version: Literal["2", "3"] | None = Field(None, description="none: 3 for Cloud, 2 for Data Center")
    timeout_seconds: float = Field(30, gt=0, description="seconds to wait for an answer")
    rate_limit_timeout_seconds: float = Field(
        120, ge=0, description="seconds to wait in all while Jira answers 429"
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_old_names(cls, values: object) -> object:
        """Blocks saved by the previous release name a field differently; the next release drops that name."""
        if not isinstance(values, dict) or "patience_seconds" not in values:
            return values
        message = "patience_seconds is now rate_limit_timeout_seconds; save the block with the new name"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        kept = {name: value for name, value in values.items() if name != "patience_seconds"}
        return {"rate_limit_timeout_seconds": values["patience_seconds"], **kept}

    @field_validator("fields", "statuses", "labels", "priorities")
    @classmethod
    def _add_defaults(cls, value: Names, info: ValidationInfo) -> Names:
        name = info.field_name or ""
        known = READ + WRITTEN if name == "fields" else tuple(DEFAULTS[name])
        if name != "priorities" and (unknown := set(value) - set(known)):
            raise ValueError(f"no {', '.join(sorted(unknown))}; known: {', '.join(known)}")
        return {**DEFAULTS[name], **value}

    @field_validator("jql")
    @classmethod
    def _refuse_order_by(cls, value: str) -> str:
        if re.search(r"\border\s+by\b", value, re.IGNORECASE):
            raise ValueError("leave `order by` out; tickets are ranked by priority and deadline")
        return value
