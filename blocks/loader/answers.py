"""Reads a vendor's JSON answer into a model. Each vendor's models are in its own room."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from blocks.errors import BadAnswer


class Answer(BaseModel):
    """An answer, or a part of one: the fields that a loader uses; what else there is, is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


def _convert_to_utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


UtcTime = Annotated[datetime, AfterValidator(_convert_to_utc)]
OptionalTime = Annotated[UtcTime | None, BeforeValidator(lambda value: value or None)]
"""None for null and for an empty text."""

Model = TypeVar("Model", bound=Answer)


def read_answer(model: type[Model], answer: object, asked: str, service: str) -> Model:
    """Read an answer. Raises BadAnswer, which names the fields and holds no value, for one of another shape."""
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        places = {".".join(map(str, one["loc"])) or "all of it" for one in error.errors(include_input=False)}
    raise BadAnswer(
        asked,
        f"the answer is not what {service} documents ({', '.join(sorted(places)[:5])})",
        "Check the loader's address.",
    )
