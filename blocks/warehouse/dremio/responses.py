"""What Dremio's REST API answers, as far as it is read here."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

ENDED = {"COMPLETED", "FAILED", "CANCELED", "CANCELLED"}  # of a job's states; both spellings occur


class Answer(BaseModel):
    """What Dremio answers, in its camelCase; what is not asked for is left out."""

    model_config = ConfigDict(alias_generator=to_camel)


class Login(Answer):
    """The answer to a login."""

    token: str


class Created(Answer):
    """The id of what a call made: a job, a reflection."""

    id: str


class Job(Answer):
    """A job's state; error_message or cancellation_reason where it ended without success."""

    job_state: str
    error_message: str | None = None
    cancellation_reason: str | None = None


class Child(Answer):
    """An entity in a folder."""

    path: list[str]


class Entity(Answer):
    """An entity of the catalogue: a source, space, folder, table or view. children: a folder's or space's."""

    id: str
    children: list[Child] = []


class Reflection(Answer):
    """A reflection of a dataset."""

    id: str
    name: str


class Reflections(Answer):
    """A dataset's reflections."""

    data: list[Reflection] = []


class ReflectionStatus(Answer):
    """combined_status: whether it can accelerate; refresh: GIVEN_UP where Dremio will not try again."""

    combined_status: str = ""
    refresh: str = ""


class ReflectionState(Answer):
    """A reflection with its status."""

    status: ReflectionStatus


class Wiki(Answer):
    """An entity's wiki. version: to be named by whoever writes the next one."""

    text: str = ""
    version: int | str | None = None


class Labels(Answer):
    """An entity's labels, which the API calls tags."""

    tags: list[str] = []
    version: int | str | None = None


class Grant(Answer):
    """What a user or a role may do with an entity."""

    privileges: list[str] = []
    grantee_type: str
    id: str
    name: str = ""


class Grants(Answer):
    """An entity's own privileges, without those it inherits."""

    grants: list[Grant] = []


class Problem(Answer):
    """What Dremio says of a call that failed."""

    error_message: str = ""
