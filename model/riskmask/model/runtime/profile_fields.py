"""Values of a codec profile, checked one by one; each error names the file and the field."""

from __future__ import annotations

import math
from typing import Any

from riskmask.model.levels import ANCHORS
from riskmask.model.runtime.errors import ProfileError


def object_field(content: dict[str, Any], key: str, file: str) -> dict[str, Any]:
    """The object of a key; raises ProfileError where it is none."""
    value = content.get(key)
    if not isinstance(value, dict):
        raise ProfileError(f"{file}: {key} must be an object")
    return value


def versioned_field(
    content: dict[str, Any], key: str, schema: int, file: str
) -> dict[str, Any] | None:
    """The object of an optional key; None without it, ProfileError where its schema is another."""
    if key not in content:
        return None
    field = object_field(content, key, file)
    if field.get("schema") != schema:
        raise ProfileError(f"{file}: {key}.schema must be {schema}, not {field.get('schema')!r}")
    return field


def text_field(content: dict[str, Any], key: str, file: str) -> str:
    """The text of a key; raises ProfileError where it is none or empty."""
    value = content.get(key)
    if not isinstance(value, str) or not value:
        raise ProfileError(f"{file}: {key} must be a text that is not empty")
    return value


def number(value: object, key: str, file: str) -> float:
    """The value, which belongs to a key; raises ProfileError unless it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ProfileError(f"{file}: {key} must be a finite number")
    return float(value)


def per_anchor(value: object, key: str, file: str) -> tuple[float, ...]:
    """The value as eight numbers; raises ProfileError where it is something else."""
    if not isinstance(value, list) or len(value) != ANCHORS:
        raise ProfileError(f"{file}: {key} must be a list of {ANCHORS} numbers")
    return tuple(number(entry, key, file) for entry in value)
